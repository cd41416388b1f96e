/** The page behind an approval's link: what is asked, and two buttons. It reads and posts to its own address. */
export function approvalPage(): Response {
  return new Response(PAGE, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy":
        "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Approval</title>
<style>
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); --soft: color-mix(in srgb, currentColor 6%, transparent); }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 0 auto; padding: 3rem 1rem; }
  h1 { font-size: 1.4rem; } .meta { opacity: .75; font-size: .9rem; }
  textarea { font: .85rem ui-monospace, monospace; width: 100%; box-sizing: border-box; background: var(--soft); color: inherit; border: 1px solid var(--line); border-radius: .4rem; padding: .75rem; }
  button { font: inherit; padding: .5rem 1.25rem; margin: 1rem .5rem 0 0; border-radius: .4rem; border: 1px solid var(--line); cursor: pointer; }
  button.yes { background: #15803d; color: #fff; } button.no { background: #b91c1c; color: #fff; }
</style>
<main>
  <h1 id="title">Loading…</h1>
  <p class="meta" id="meta"></p>
  <form id="form" hidden>
    <p><label>What is to be approved<br><textarea id="payload" rows="12"></textarea></label></p>
    <p><label>Comment<br><textarea id="comment" rows="2" maxlength="2000"></textarea></label></p>
    <button class="yes" type="submit" value="approve">Approve</button><button class="no" type="submit" value="reject">Reject</button>
  </form>
  <p id="answer" role="status"></p>
</main>
<script>
  const at = (id) => document.getElementById(id);
  const said = (response) => response.json().then((body) => (response.ok ? body : Promise.reject(new Error(body.detail))));
  let asked;
  const show = (approval) => {
    asked = approval;
    at("title").textContent = approval.title;
    at("meta").textContent = [approval.status, approval.due_at && "due " + new Date(approval.due_at).toLocaleString(), approval.quorum > 1 && approval.decisions.length + " of " + approval.quorum + " have decided"].filter(Boolean).join(" · ");
    at("payload").value = JSON.stringify(approval.payload, null, 2);
    at("payload").readOnly = !approval.editable;
    at("form").hidden = approval.status !== "pending";
    at("answer").textContent = approval.decisions.map((one) => (one.by.name || one.by.type + " " + one.by.id) + ": " + one.decision + (one.comment ? ", " + one.comment : "")).join("\\n");
  };
  const fail = (error) => { at("title").textContent = asked ? asked.title : "Approval"; at("answer").textContent = error.message; };
  at("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const body = { decision: event.submitter.value, hash: asked.hash };
    if (at("comment").value) body.comment = at("comment").value;
    try { if (asked.editable && body.decision === "approve" && JSON.stringify(JSON.parse(at("payload").value)) !== JSON.stringify(asked.payload)) body.payload = JSON.parse(at("payload").value); }
    catch { return fail(new Error("What is to be approved is not JSON any more")); }
    at("form").hidden = true;
    fetch(location.pathname + "/decide", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }).then(said).then(show, fail);
  });
  fetch(location.pathname, { headers: { accept: "application/json" } }).then(said).then(show, fail);
</script>
</html>
`;
