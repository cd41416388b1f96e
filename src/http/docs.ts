/** `/docs`: the OpenAPI document as a page. Self-contained: it loads nothing but `/openapi.json`. */
export function docsPage(): Response {
  return new Response(PAGE, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy":
        "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
    },
  });
}

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Orchestrator API</title>
<style>
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); --soft: color-mix(in srgb, currentColor 6%, transparent); }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 6rem; }
  h2 { margin: 2.5rem 0 .5rem; font-size: 1.1rem; border-bottom: 1px solid var(--line); }
  details { border-bottom: 1px solid var(--line); }
  summary { display: flex; gap: .75rem; align-items: baseline; padding: .45rem 0; cursor: pointer; }
  .method { font: 600 .75rem ui-monospace, monospace; width: 4rem; flex: none; }
  .path { font-family: ui-monospace, monospace; }
  .what, .scope { opacity: .75; } .scope { margin-left: auto; font-size: .8rem; }
  pre { background: var(--soft); padding: .75rem; overflow: auto; border-radius: .4rem; font-size: .8rem; }
  table { border-collapse: collapse; margin: .5rem 0; } td, th { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top; font-size: .85rem; }
  details > div { padding: 0 0 1rem 4.75rem; }
</style>
<h1>Orchestrator API</h1>
<p>Generated from <a href="/openapi.json">/openapi.json</a>. Send <code>Authorization: Bearer &lt;key&gt;</code>.</p>
<main id="main">Loading…</main>
<script>
  const main = document.getElementById("main");
  const make = (tag, className, text) => Object.assign(document.createElement(tag), { className: className || "", textContent: text || "" });
  const show = (parent, title, schema) => { if (!schema) return; parent.append(make("p", "", title)); parent.append(make("pre", "", JSON.stringify(schema, null, 2))); };
  fetch("/openapi.json").then((response) => response.json()).then((document_) => {
    main.textContent = "";
    const sections = new Map();
    for (const [path, methods] of Object.entries(document_.paths)) {
      const name = path.startsWith("/api/v1/") ? path.split("/")[3] : "service";
      if (!sections.has(name)) { const heading = make("h2", "", name); main.append(heading); sections.set(name, heading); }
      for (const [method, operation] of Object.entries(methods)) {
        const entry = document.createElement("details");
        const line = document.createElement("summary");
        line.append(make("span", "method", method.toUpperCase()), make("span", "path", path), make("span", "what", operation.summary), make("span", "scope", operation["x-required-scope"] || ""));
        const body = document.createElement("div");
        if (operation.description) body.append(make("p", "", operation.description));
        if (operation.parameters && operation.parameters.length) {
          const table = document.createElement("table");
          for (const parameter of operation.parameters) {
            const row = document.createElement("tr");
            row.append(make("td", "path", parameter.name), make("td", "", parameter.in + (parameter.required ? ", required" : "")), make("td", "", parameter.description || (parameter.schema && parameter.schema.type) || ""));
            table.append(row);
          }
          body.append(table);
        }
        show(body, "Request", operation.requestBody && Object.values(operation.requestBody.content)[0].schema);
        for (const [status, response] of Object.entries(operation.responses)) show(body, status + " · " + response.description, response.content && Object.values(response.content)[0].schema);
        entry.append(line, body);
        let last = sections.get(name);
        while (last.nextElementSibling && last.nextElementSibling.tagName === "DETAILS") last = last.nextElementSibling;
        last.after(entry);
      }
    }
    main.append(make("h2", "", "Schemas"));
    for (const [name, schema] of Object.entries((document_.components && document_.components.schemas) || {})) {
      const entry = document.createElement("details");
      const line = document.createElement("summary");
      line.append(make("span", "path", name));
      const body = document.createElement("div");
      body.append(make("pre", "", JSON.stringify(schema, null, 2)));
      entry.append(line, body);
      main.append(entry);
    }
  }).catch((error) => { main.textContent = "The document could not be loaded: " + error; });
</script>
</html>
`;
