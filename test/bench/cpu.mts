import { fork } from "node:child_process"; import { readFileSync, readdirSync, readlinkSync } from "node:fs";
const agent = fork("/work/main/test/bench/agent.ts",["9931"]); await new Promise(r=>agent.once("message",r));
const K = /ROOT_API_KEY=(.*)/.exec(readFileSync("/work/main/.dev.vars","utf8"))![1]; const H={authorization:`Bearer ${K}`,'content-type':'application/json'}; const A="http://127.0.0.1:9931/"; const U="http://127.0.0.1:8831";
const pidOf=(st:string)=>Number(readdirSync('/proc').filter(x=>/^\d+$/.test(x)).find(p=>{ try { return readFileSync(`/proc/${p}/comm`,'utf8').trim()==='workerd' && readdirSync(`/proc/${p}/fd`).some(f=>{try{return readlinkSync(`/proc/${p}/fd/${f}`).startsWith('/tmp/bst/'+st)}catch{return false}}); } catch { return false; } }));
const cpu=(p:number)=>{ const f=readFileSync(`/proc/${p}/stat`,'utf8').split(') ')[1].split(' '); return (Number(f[11])+Number(f[12]))*10; };
await fetch(U+"/api/v1/agents/bench",{method:'PUT',headers:H,body:JSON.stringify({url:A,capabilities:['bench'],dispatch:'inline'})});
const n=Number(process.argv[2]??200), k=Number(process.argv[3]??1), q=process.argv[4]??'?wait=60s';
const steps=(n:number)=>Array.from({length:n},(_, i)=>({id:`s${i}`,capability:'bench',...(i>0?{needs:[`s${i-1}`]}:{})}));
const ours=async()=>{ const r=await fetch(U+"/api/v1/tasks"+q,{method:'POST',headers:H,body:JSON.stringify({workflow:{steps:steps(k)}})}); await r.text(); };
const bare=async()=>{ const r=await fetch("http://127.0.0.1:8832",{method:'POST',body:JSON.stringify({shape:'chain',steps:k,url:A})}); await r.text(); };
const health=async()=>{ const r=await fetch(U+"/health"); await r.text(); }; const list404=async()=>{ const r=await fetch(U+"/api/v1/tasks/task_x",{headers:H}); await r.text(); };
for (const [name,f,st] of [['ours',ours,'oo'],['bare',bare,'bb'],['health',health,'oo'],['auth404',list404,'oo'],['ours',ours,'oo'],['bare',bare,'bb']] as any) { const p=pidOf(st); for(let i=0;i<20;i++) await f(); await new Promise(r=>setTimeout(r,2500)); const c=cpu(p), t=performance.now(); for(let i=0;i<n;i++) await f(); const w=(performance.now()-t)/n; await new Promise(r=>setTimeout(r,2500)); console.log(name,'cpu/task ms',((cpu(p)-c)/n).toFixed(2),'wall',w.toFixed(2)); }
agent.kill(); process.exit(0);
