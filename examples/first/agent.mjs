import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  const { step_id, capability, input } = JSON.parse(body);
  console.log(`${step_id}: ${capability} ${input.topic}, key ${request.headers["idempotency-key"]}`);
  await sleep(2000); // here it would work
  response.end(JSON.stringify({ output: `${capability} on ${input.topic}` }));
}).listen(process.argv[2], "127.0.0.1");
