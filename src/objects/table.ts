/**
 * Tables of an object's database that the first row makes: an object that was only asked leaves no storage.
 *
 * They are made together. What is rolled back or wiped is to be forgotten.
 */
export class Tables {
  readonly #sql: SqlStorage;
  readonly #name: string;
  readonly #statements: readonly string[];
  #exist: boolean | null = null;

  /** `name`: one of them, which is there if they all are. `statements` make them, with their indexes. */
  constructor(sql: SqlStorage, name: string, statements: readonly string[]) {
    this.#sql = sql;
    this.#name = name;
    this.#statements = statements;
  }

  get exist(): boolean {
    return (this.#exist ??=
      this.#sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", this.#name).toArray().length > 0);
  }

  /** Writes rows, the first of them maybe. */
  add<T>(statement: string, ...values: readonly SqlStorageValue[]): readonly T[] {
    if (!this.exist) for (const table of this.#statements) this.#sql.exec(table);
    this.#exist = true;
    return this.#sql.exec(statement, ...values).toArray() as unknown as readonly T[];
  }

  /** Reads, changes or deletes rows: none where there are no tables. */
  rows<T>(statement: string, ...values: readonly SqlStorageValue[]): readonly T[] {
    return this.exist ? (this.#sql.exec(statement, ...values).toArray() as unknown as readonly T[]) : [];
  }

  forget(): void {
    this.#exist = null;
  }
}

/** A table of values by their keys, as JSON. */
export class JsonRows<T> {
  readonly #tables: Tables;
  readonly #columns: JsonColumns;

  constructor(tables: Tables, columns: JsonColumns) {
    this.#tables = tables;
    this.#columns = columns;
  }

  readonly all = (): readonly T[] => {
    const { table, body } = this.#columns;
    return this.#tables.rows<{ body: string }>(`SELECT ${body} AS body FROM ${table}`).map(({ body }) => JSON.parse(body) as T);
  };

  readonly put = (key: string | number, value: T): void => {
    const { table, key: column, body } = this.#columns;
    this.#tables.add(`INSERT OR REPLACE INTO ${table} (${column}, ${body}) VALUES (?, ?)`, key, JSON.stringify(value));
  };

  readonly delete = (key: string | number): void => {
    const { table, key: column } = this.#columns;
    this.#tables.rows(`DELETE FROM ${table} WHERE ${column} = ?`, key);
  };
}

interface JsonColumns {
  readonly table: string;
  readonly key: string;
  readonly body: string;
}
