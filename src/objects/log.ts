/**
 * Rows in the order in which they came, each with a number that only grows: read from a cursor on, filtered, and kept within
 * bounds by dropping the oldest. The table is made by the first row.
 */
import { Tables } from "./table.ts";

export interface LogShape {
  readonly table: string;
  /** What SQL says of the columns behind `seq`. */
  readonly columns: string;
  readonly indexes?: readonly string[];
  /** What readers get; all columns, unless said otherwise. */
  readonly select?: string;
}

type Values = Readonly<Record<string, SqlStorageValue>>;

/** The newest rows that are kept: so many, those with a later moment in a column, so many bytes in a column. */
export interface Bounds {
  readonly count?: number;
  readonly after?: { readonly column: string; readonly moment: number };
  readonly bytes?: { readonly column: string; readonly most: number };
  /** SQL: of these rows alone, the others stay. */
  readonly of?: string;
}

export class Log<Row> {
  readonly #shape: LogShape;
  readonly #tables: Tables;

  constructor(sql: SqlStorage, shape: LogShape) {
    const { table, columns, indexes = [] } = shape;
    this.#shape = shape;
    this.#tables = new Tables(sql, table, [`CREATE TABLE ${table} (seq INTEGER PRIMARY KEY, ${columns})`, ...indexes]);
  }

  /** The number of the new row; `null` if there is one already that has what only one may have. */
  append(row: Values): number | null {
    const names = Object.keys(row);
    const [added] = this.#tables.add<{ seq: number }>(
      `INSERT INTO ${this.#shape.table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})
       ON CONFLICT DO NOTHING RETURNING seq`,
      ...Object.values(row),
    );
    return added?.seq ?? null;
  }

  /** Newest first, before a number. `having`: columns with these values, those without a value aside. */
  before(seq: number | null, limit: number, having: Readonly<Record<string, SqlStorageValue | undefined>> = {}): readonly Row[] {
    const wanted = Object.entries(having).filter((column): column is [string, SqlStorageValue] => column[1] !== undefined);
    const where = ["seq < ?", ...wanted.map(([name]) => `${name} IS ?`)].join(" AND ");
    const values = [seq ?? Number.MAX_SAFE_INTEGER, ...wanted.map(([, value]) => value), limit];
    return this.rows(`SELECT ${this.#shape.select ?? "*"} FROM ${this.#shape.table} WHERE ${where} ORDER BY seq DESC LIMIT ?`, ...values);
  }

  /** Drops the oldest rows beyond the bounds. */
  trim(bounds: Bounds): void {
    const { count, after, bytes, of = "TRUE" } = bounds;
    const drop = (which: string, value: number): void => void this.rows(`DELETE FROM ${this.#shape.table} WHERE ${of} AND ${which}`, value);
    if (after !== undefined) drop(`${after.column} <= ?`, after.moment);
    if (count !== undefined) drop(`seq <= ${this.beyond(of)}`, count);
    if (bytes !== undefined) drop(`seq <= (SELECT max(seq) FROM (${this.#sizes(bytes.column, of)}) WHERE bytes > ?)`, bytes.most);
  }

  /** SQL: the newest of the rows that are beyond a count of the newest; the count is bound to it. */
  beyond(of: string): string {
    return `(SELECT seq FROM ${this.#shape.table} WHERE ${of} ORDER BY seq DESC LIMIT 1 OFFSET ?)`;
  }

  /** What else a room asks of its rows; none where there is no table. */
  rows<T = Row>(statement: string, ...values: readonly SqlStorageValue[]): readonly T[] {
    return this.#tables.rows<T>(statement, ...values);
  }

  /** Drops all of it. */
  clear(): void {
    this.rows(`DROP TABLE ${this.#shape.table}`);
    this.forget();
  }

  forget(): void {
    this.#tables.forget();
  }

  /** SQL: each row with the bytes of itself and of all newer ones. */
  #sizes(column: string, of: string): string {
    return `SELECT seq, sum(length(CAST(${column} AS BLOB))) OVER (ORDER BY seq DESC) AS bytes FROM ${this.#shape.table} WHERE ${of}`;
  }
}
