import { fork } from "node:child_process"; import { readFileSync, rmSync } from "node:fs";
import { launch } from "./server.ts";
rmSync("/tmp/bst",{recursive:true,force:true});
const agent = fork("/work/main/test/bench/agent.ts",["9931"]); await new Promise(r=>agent.once("message",r));
const K = /ROOT_API_KEY=(.*)/.exec(readFileSync("/work/main/.dev.vars","utf8"))![1];
const A="http://127.0.0.1:9931/";
const names=(process.env.T??"bare,ours").split(",");
const srv:any={};
if(names.includes('bare')||names.includes('capped')) srv.bare = await launch({name:"bare",port:8811,state:"/tmp/bst/bare",args:["--config","test/bench/bare/wrangler.toml"],ready:"/"});
if(names.includes('wf')) srv.wf = await launch({name:"wf",port:8813,state:"/tmp/bst/wf",args:["--config","test/bench/workflows/wrangler.toml"],ready:"/"});
const H={authorization:`Bearer ${K}`,'content-type':'application/json'};
if(names.includes('ours')) { srv.ours = await launch({name:"ours",port:8812,state:"/tmp/bst/ours",args:["test/bench/ours.ts","--config","wrangler.toml"],ready:"/ready",migrate:true});
const reg=await fetch(srv.ours.url+"/api/v1/agents/bench",{method:'PUT',headers:H,body:JSON.stringify({url:A,capabilities:['bench'],dispatch:'inline'})}); if(!reg.ok) throw new Error(await reg.text()); }
const steps=(shape:string,n:number)=>Array.from({length:n},(_, i)=>({id:`s${i}`,capability:'bench',...(shape==='chain'&&i>0?{needs:[`s${i-1}`]}:{})}));
const plain=(t:any)=>async (w:any)=>{ const r=await fetch(t.url,{method:'POST',body:JSON.stringify({...w,url:A})}); const j:any=await r.json(); if(j.steps!==w.steps) throw new Error(JSON.stringify(j)); };
let last='';
const all:any={ bare:plain(srv.bare), capped:(w:any)=>plain(srv.bare)({...w,cap:6}), wf:plain(srv.wf), ours: async(w:any)=>{ const r=await fetch(srv.ours.url+"/api/v1/tasks?wait=60s",{method:'POST',headers:H,body:JSON.stringify({workflow:{steps:steps(w.shape,w.steps)}})}); const j:any=await r.json(); if(j.status!=='completed') throw new Error(JSON.stringify(j)); last=j.id; } };
const run:any=Object.fromEntries(names.map(n=>[n,all[n]]));
const works:any={ single:[{shape:'chain',steps:1},1,20], chain10:[{shape:'chain',steps:10},1,10], fan100:[{shape:'fan',steps:100},1,6], burst:[{shape:'chain',steps:5},200,1] };
if(process.env.W) for(const k of Object.keys(works)) if(!process.env.W.split(',').includes(k)) delete works[k];
const med=(a:number[])=>a.toSorted((x,y)=>x-y)[a.length>>1];
const res:any={};
for(const t of Object.keys(run)) for(const w of Object.keys(works)) for(let i=0;i<2;i++) await run[t](works[w][0]);
const cpu:any={};
for(let round=0;round<Number(process.env.ROUNDS??5);round++) for(const [w,[work,par,reps]] of Object.entries(works) as any) { for(const t of Object.keys(run).sort(()=>Math.random()-.5)) { await new Promise(r=>setTimeout(r,600)); const c0=srv[t==='capped'?'bare':t].cpuSeconds(); for(let i=0;i<reps;i++){ const t0=performance.now(); await Promise.all(Array.from({length:par},()=>run[t](work))); ((res[w]??={})[t]??=[]).push(performance.now()-t0); } await new Promise(r=>setTimeout(r,600)); ((cpu[w]??={})[t]??=[]).push((srv[t==='capped'?'bare':t].cpuSeconds()-c0)*1000/reps); } }
const ref=names[0];
for(const w of Object.keys(works)) { const b=med(res[w][ref]); console.log(w.padEnd(8), Object.keys(run).map(t=>`${t} ${med(res[w][t]).toFixed(2)} (${(med(res[w][t])/b).toFixed(2)}) cpu ${med(cpu[w][t]).toFixed(1)}`).join('  ')); }
if(srv.ours){ await run.ours({shape:'fan',steps:100}); console.log('fan100', await (await fetch(srv.ours.url+'/meter/'+last)).json());
await run.ours({shape:'chain',steps:100}); console.log('chain100', await (await fetch(srv.ours.url+'/meter/'+last)).json()); }
await Promise.all(Object.values(srv).map((s:any)=>s.stop())); agent.kill(); process.exit(0);
