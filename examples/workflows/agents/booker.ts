/** Books one kind of thing, and cancels it: `node booker.ts <port> flight|hotel|car`. */
import { defineAgent, type AttemptContext } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";

const PRICES: Readonly<Record<string, number>> = { flight: 320, hotel: 110, car: 45 };

const kind = process.argv[3] ?? "flight";
/** By idempotency key, so that a call that is repeated books once. */
const bookings = new Map<string, string>();

function book({ nights = 1 }: { readonly nights?: number }, { idempotencyKey }: AttemptContext) {
  const booking = bookings.get(idempotencyKey) ?? `${kind}-${bookings.size + 1}`;
  bookings.set(idempotencyKey, booking);
  return { booking, price: (PRICES[kind] ?? 0) * nights };
}

serve(
  defineAgent({
    id: `${kind}-booker`,
    capabilities: [`${kind}.book`, `${kind}.cancel`],
    secret: signingSecret(),
    execute: {
      [`${kind}.book`]: book,
      [`${kind}.cancel`]: ({ booking }: { readonly booking: string }) => ({ canceled: booking }),
    },
  }),
);
