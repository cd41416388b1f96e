import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const key = Buffer.from(process.env.SECRET.slice("whsec_".length), "base64");
const heard = [];

/** Whether one of the signatures is ours, and the message is not an old one. */
function isGenuine({ "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures = "" }, body) {
  const expected = Buffer.from(`v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`);
  const isRecent = Math.abs(Date.now() / 1000 - Number(timestamp)) < 300;
  const given = signatures.split(" ").map((signature) => Buffer.from(signature));
  return isRecent && given.some((one) => one.length === expected.length && timingSafeEqual(one, expected));
}

createServer(async (request, response) => {
  if (request.method === "GET") return response.end(heard.join("\n")); // to look what has come
  let body = "";
  for await (const chunk of request) body += chunk;
  if (!isGenuine(request.headers, body)) return response.writeHead(401).end();
  const { type, data } = JSON.parse(body);
  heard.push(`${type} ${data.type}`);
  response.writeHead(204).end();
}).listen(process.argv[2], "127.0.0.1");
