import { fork } from "node:child_process"; import { readFileSync, readdirSync, readlinkSync } from "node:fs";
const agent = fork("/work/main/test/bench/agent.ts",["9931"]); await new Promise(r=>agent.once("message",r));
const K = /ROOT_API_KEY=(.*)/.exec(readFileSync("/work/main/.dev.vars","utf8"))![1]; const H={authorization:`Bearer ${K}`,'content-type':'application/json'}; const A="http://127.0.0.1:9931/"; const U="http://127.0.0.1:8831";
const pidOf=(st:string)=>Number(readdirSync('/proc').filter(x=>/^\d+$/.test(x)).find(p=>{ try { return readFileSync(`/proc/${p}/comm`,'utf8').trim()==='workerd' && readdirSync(`/proc/${p}/fd`).some(f=>{try{return readlinkSync(`/proc/${p}/fd/${f}`).startsWith('/tmp/bst/'+st)}catch{return false}}); } catch { return false; } }));
const cpu=(p:number)=>{ const f=readFileSync(`/proc/${p}/stat`,'utf8').split(') ')[1].split(' '); return {u:Number(f[11])*10,s:Number(f[12])*10}; };
await fetch(U+"/api/v1/agents/bench",{method:'PUT',headers:H,body:JSON.stringify({url:A,capabilities:['bench'],dispatch:'inline'})});
const n=Number(process.argv[2]??100), k=Number(process.argv[3]??5), q=process.argv[4]??'?wait=60s';
const steps=(n:number)=>Array.from({length:n},(_, i)=>({id:`s${i}`,capability:'bench',...(i>0?{needs:[`s${i-1}`]}:{})}));
const ours=async()=>{ const r=await fetch(U+"/api/v1/tasks"+q,{method:'POST',headers:H,body:JSON.stringify({workflow:{steps:steps(k)}})}); await r.text(); };
const bare=async()=>{ const r=await fetch("http://127.0.0.1:8832",{method:'POST',body:JSON.stringify({shape:'chain',steps:k,url:A})}); await r.text(); };
const med=(a:number[])=>a.toSorted((x,y)=>x-y)[a.length>>1]; const R:any={};
for(let i=0;i<40;i++){ await ours(); await bare(); }
for(let round=0;round<6;round++) for (const [name,f,st] of [['ours',ours,'oo'],['bare',bare,'bb']] as any) { const p=pidOf(st); await new Promise(r=>setTimeout(r,1200)); const c=cpu(p), t=performance.now(); for(let i=0;i<n;i++) await f(); const w=(performance.now()-t)/n; await new Promise(r=>setTimeout(r,1500)); const d=cpu(p); (R[name]??=[]).push([(d.u-c.u)/n,(d.s-c.s)/n,w]); }
for(const x of ['ours','bare']) console.log(x,'user',med(R[x].map((r:any)=>r[0])).toFixed(2),'sys',med(R[x].map((r:any)=>r[1])).toFixed(2),'wall',med(R[x].map((r:any)=>r[2])).toFixed(2)); 
agent.kill(); process.exit(0);
