/** Takes as long as it is told. */
import { serve } from "../serve.ts";

serve(async ({ ms }: { readonly ms: number }) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return { slept_ms: ms };
});
