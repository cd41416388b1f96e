/** Makes thumbnails of pictures, but not of broken ones. */
import { AgentError, defineAgent } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";

function thumbnail({ image }: { readonly image: string }) {
  if (image.includes("broken")) throw new AgentError({ code: "unreadable", message: `${image} is no picture`, retryable: false });
  return { bytes: 100 * image.length };
}

serve(defineAgent({ id: "photographer", capabilities: ["thumbnail"], secret: signingSecret(), execute: thumbnail }));
