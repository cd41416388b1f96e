import { fork, spawn } from "node:child_process"; import { readFileSync, rmSync, writeFileSync } from "node:fs";
rmSync("/tmp/bst",{recursive:true,force:true});
const agent = fork("/work/main/test/bench/agent.ts",["9931"]); await new Promise(r=>agent.once("message",r));
const K = /ROOT_API_KEY=(.*)/.exec(readFileSync("/work/main/.dev.vars","utf8"))![1];
const target=process.argv[2]??'ours'; const shape=process.argv[3]??'burst';
const env={...process.env,X_LOCAL_OBSERVABILITY:'false',CI:'true',WRANGLER_SEND_METRICS:'false'};
const args = target==='ours'?["test/bench/ours.ts","--config","wrangler.toml"]:["--config","test/bench/bare/wrangler.toml"];
if(target==='ours') { const {spawnSync}=await import('node:child_process'); spawnSync("wrangler",["d1","migrations","apply","DB","--local","--persist-to","/tmp/bst/x"],{env}); }
console.log('up'); const child=spawn("wrangler",["dev",...args,"--port","8821","--persist-to","/tmp/bst/x","--inspector-port","9339","--log-level","error"],{env,stdio:['ignore','inherit','inherit']});
for(;;){ try{ const r=await fetch("http://127.0.0.1:8821/ready"); if(r.ok) break;}catch{} await new Promise(r=>setTimeout(r,200)); }
const H={authorization:`Bearer ${K}`,'content-type':'application/json'}; const A="http://127.0.0.1:9931/"; const U="http://127.0.0.1:8821";
console.log('ready'); if(target==='ours') await fetch(U+"/api/v1/agents/bench",{method:'PUT',headers:H,body:JSON.stringify({url:A,capabilities:['bench'],dispatch:'inline'})});
const steps=(sh:string,n:number)=>Array.from({length:n},(_, i)=>({id:`s${i}`,capability:'bench',...(sh==='chain'&&i>0?{needs:[`s${i-1}`]}:{})}));
const one=async(sh:string,n:number)=>{ const r = target==='ours'? await fetch(U+"/api/v1/tasks?wait=60s",{method:'POST',headers:H,body:JSON.stringify({workflow:{steps:steps(sh,n)}})}) : await fetch(U,{method:'POST',body:JSON.stringify({shape:sh,steps:n,url:A})}); await r.text(); };
const load=async()=>{ if(shape==='burst') { for(let i=0;i<3;i++) await Promise.all(Array.from({length:200},()=>one('chain',5))); } else if(shape==='single') for(let i=0;i<200;i++) await one('chain',1); else if(shape==='chain') for(let i=0;i<100;i++) await one('chain',10); else for(let i=0;i<30;i++) await one('fan',100); };
await load();
console.log('loaded'); const list:any=await (await fetch("http://127.0.0.1:9339/json")).json(); 
const WS=(await import('ws')).default; const ws:any=new WS(list[0].webSocketDebuggerUrl,{origin:'http://127.0.0.1'}); ws.on('error',(e:any)=>console.log(e.message)); await new Promise(r=>ws.on('open',r)); let id=0; const pend=new Map(); ws.onmessage=(m:any)=>{const d=JSON.parse(String(m.data)); if(d.id) pend.get(d.id)?.(d.result??d);}; const cmd=(method:string,params={})=>new Promise<any>(r=>{pend.set(++id,r); ws.send(JSON.stringify({id,method,params}));});
console.log('ws'); await cmd('Profiler.enable'); await cmd('Profiler.setSamplingInterval',{interval:200}); await cmd('Profiler.start'); const t0=performance.now(); await load(); const wall=performance.now()-t0; await new Promise(r=>setTimeout(r,1500)); const {profile}=await cmd('Profiler.stop');
const self=new Map<string,number>(); const byId=new Map(profile.nodes.map((n:any)=>[n.id,n])); const dt=profile.timeDeltas; let idle=0,tot=0;
profile.samples.forEach((s:number,i:number)=>{ const n:any=byId.get(s); const f=n.callFrame; const k0=f.scriptId+':'+f.lineNumber+':'+f.columnNumber; const k=k0+'|'+`${f.functionName||'(anon)'} ${f.url.split('/').pop()}:${f.lineNumber}`; self.set(k,(self.get(k)??0)+dt[i]); tot+=dt[i]; });
let nn=shape==='burst'?600:shape==='chain'?100:shape==='single'?200:30; const idl=[...self].filter(([k])=>k.includes('(idle)')).reduce((a,[,v])=>a+v,0); console.log('wall',wall.toFixed(0),'busy per task ms',((tot-idl)/1000/nn).toFixed(2)); const src=new Map<string,string[]>(); await cmd('Debugger.enable'); for(const [k,v] of [...self].sort((a,b)=>b[1]-a[1]).slice(0,40)) { const [pos,name]=k.split('|'); const [sid,ln,col]=pos.split(':'); if(!src.has(sid)){ const s=await cmd('Debugger.getScriptSource',{scriptId:sid}); src.set(sid,(s.scriptSource??'').split('\n')); } console.log((v/1000).toFixed(1).padStart(8),name.padEnd(40),(src.get(sid)![+ln]??'').slice(Math.max(0,+col-40),+col+60).trim()); }
writeFileSync('/tmp/prof.cpuprofile',JSON.stringify(profile));
child.kill(); agent.kill(); process.exit(0);
