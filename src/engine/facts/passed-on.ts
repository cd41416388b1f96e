/** Values that were read from the record, so that one which is passed on unchanged is referred to instead of copied. */
import type { Json } from "../../shared/json.ts";
import type { RecordedValue } from "./value.ts";

export class PassedOn {
  #places = new WeakMap<object, RecordedValue>();
  /** Of texts, which nothing can be hung on, the last one. */
  #lastText: { readonly text: string; readonly place: RecordedValue } | null = null;

  /** The value, which is at this place. */
  read(place: RecordedValue, value: Json): Json {
    if (typeof value === "object" && value !== null) this.#places.set(value, place);
    else if (typeof value === "string") this.#lastText = { text: value, place };
    return value;
  }

  placeOf(value: Json): RecordedValue | null {
    if (typeof value === "object" && value !== null) return this.#places.get(value) ?? null;
    return this.#lastText !== null && value === this.#lastText.text ? this.#lastText.place : null;
  }

  forget(): void {
    this.#places = new WeakMap();
    this.#lastText = null;
  }
}
