/** The agent of the bench, a process of its own: answers after `?ms=`, counts its calls. */
import { createServer } from "node:http";

let calls = 0;

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://agent");
  request.resume();
  request.on("end", () => {
    const answer = (): void => {
      response.setHeader("content-type", "application/json");
      response.end(url.pathname === "/calls" ? JSON.stringify({ calls }) : '{"output":{"ok":true}}');
    };
    if (url.pathname !== "/calls") calls++;
    const ms = Number(url.searchParams.get("ms") ?? 0);
    if (ms > 0) setTimeout(answer, ms);
    else answer();
  });
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2]), "127.0.0.1", () => process.send?.("listening"));
