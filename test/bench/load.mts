import { fork } from "node:child_process"; import { readFileSync } from "node:fs";
const agent = fork("/work/main/test/bench/agent.ts",["9931"]); await new Promise(r=>agent.once("message",r));
const K = /ROOT_API_KEY=(.*)/.exec(readFileSync("/work/main/.dev.vars","utf8"))![1];
const [,,target,port,shape,n]=process.argv; const H={authorization:`Bearer ${K}`,'content-type':'application/json'}; const A="http://127.0.0.1:9931/"; const U="http://127.0.0.1:"+port;
if(target==='ours') await fetch(U+"/api/v1/agents/bench",{method:'PUT',headers:H,body:JSON.stringify({url:A,capabilities:['bench'],dispatch:'inline'})});
const steps=(sh:string,n:number)=>Array.from({length:n},(_, i)=>({id:`s${i}`,capability:'bench',...(sh==='chain'&&i>0?{needs:[`s${i-1}`]}:{})}));
const one=async(sh:string,n:number)=>{ const r = target==='ours'? await fetch(U+"/api/v1/tasks?wait=60s",{method:'POST',headers:H,body:JSON.stringify({workflow:{steps:steps(sh,n)}})}) : await fetch(U,{method:'POST',body:JSON.stringify({shape:sh,steps:n,url:A})}); await r.text(); };
const t=performance.now(); if(shape==='burst') for(let i=0;i<Number(n);i++) await Promise.all(Array.from({length:200},()=>one('chain',5))); else if(shape==='chain') for(let i=0;i<Number(n);i++) await one('chain',10); else if(shape==='single') for(let i=0;i<Number(n);i++) await one('chain',1); else for(let i=0;i<Number(n);i++) await one('fan',100);
console.log(target,shape,((performance.now()-t)/Number(n)).toFixed(1)); agent.kill(); process.exit(0);
