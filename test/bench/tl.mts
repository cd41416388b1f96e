import { createServer } from "node:http"; import { readFileSync } from "node:fs";
let arr:number[]=[]; let dep:number[]=[];
const s=createServer((q,r)=>{ arr.push(performance.now()); q.resume(); q.on('end',()=>{ r.setHeader('content-type','application/json'); r.end('{"output":{"ok":true}}'); dep.push(performance.now()); }); }); s.keepAliveTimeout=60000; await new Promise<void>(r=>s.listen(9931,'127.0.0.1',r));
const K = /ROOT_API_KEY=(.*)/.exec(readFileSync("/work/main/.dev.vars","utf8"))![1]; const H={authorization:`Bearer ${K}`,'content-type':'application/json'}; const A="http://127.0.0.1:9931/";
await fetch("http://127.0.0.1:8831/api/v1/agents/bench",{method:'PUT',headers:H,body:JSON.stringify({url:A,capabilities:['bench'],dispatch:'inline'})});
const steps=(n:number)=>Array.from({length:n},(_, i)=>({id:`s${i}`,capability:'bench'}));
const one=async(t:string,n:number,cap?:number)=>{ const r = t==='ours'? await fetch("http://127.0.0.1:8831/api/v1/tasks?wait=60s",{method:'POST',headers:H,body:JSON.stringify({workflow:{steps:steps(n)}})}) : await fetch("http://127.0.0.1:8832",{method:'POST',body:JSON.stringify({shape:'fan',steps:n,url:A,...(cap&&{cap})})}); await r.text(); };
for(let i=0;i<10;i++){ await one('ours',100); await one('bare',100); await one('bare',100,6); }
for(let i=0;i<6;i++) for(const [t,cap] of [['ours'],['bare'],['bare',6]] as any){ arr=[];dep=[]; await new Promise(r=>setTimeout(r,500)); const t0=performance.now(); await one(t,100,cap); const t1=performance.now(); console.log(t,cap??'','total',(t1-t0).toFixed(1),'first',(arr[0]-t0).toFixed(1),'span',(arr.at(-1)!-arr[0]).toFixed(1),'after',(t1-arr.at(-1)!).toFixed(1)); }
process.exit(0);
