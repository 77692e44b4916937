/** Several fields of a cookie are one list that was split (RFC 9113, 8.2.3). */
const joinerOf = (name: string): string => (/^cookie$/i.test(name) ? '; ' : ', ')

/**
 * An ordered table of header fields that keeps the case its author wrote and finds names without case: httpd's `apr_table_t` for headers.
 */
export class HeaderTable {
  /** Names and values in turn, the form that `response.writeHead` takes. */
  readonly fields: string[]
  /** See {@link unify}. */
  unified = false

  constructor(fields: string[] = []) {
    this.fields = fields
  }

  /** A table over an array that nobody else uses any more. */
  static of(fields: string[]): HeaderTable {
    return new HeaderTable(fields)
  }

  /** A table with a copy of these fields. */
  static from(flat: readonly string[]): HeaderTable {
    return new HeaderTable(flat.slice())
  }

  copy(): HeaderTable {
    const copy = HeaderTable.from(this.fields)
    copy.unified = this.unified
    return copy
  }

  get size(): number {
    return this.fields.length / 2
  }

  /** The first value of that name. */
  get(name: string): string | undefined {
    const at = this.#find(name, 0)
    return at < 0 ? undefined : this.fields[at + 1]
  }

  /** All values of that name, in order. */
  all(name: string): string[] {
    const values: string[] = []
    for (let at = this.#find(name, 0); at >= 0; at = this.#find(name, at + 2))
      values.push(this.fields[at + 1] as string)
    return values
  }

  has(name: string): boolean {
    return this.#find(name, 0) >= 0
  }

  /** Replaces every field of that name by one. */
  set(name: string, value: string): void {
    const at = this.#find(name, 0)
    if (at < 0) {
      this.fields.push(name, value)
      return
    }
    this.fields[at] = name
    this.fields[at + 1] = value
    this.#removeFrom(name, at + 2)
  }

  /** One more field, whatever is there. */
  add(name: string, value: string): void {
    this.fields.push(name, value)
  }

  /** Joins the value to the existing field with `, `. */
  append(name: string, value: string): void {
    const at = this.#find(name, 0)
    if (at < 0) this.fields.push(name, value)
    else this.fields[at + 1] = `${this.fields[at + 1]}, ${value}`
  }

  unset(name: string): void {
    this.#removeFrom(name, 0)
  }

  /** Calls back for every field in order. */
  each(visit: (name: string, value: string) => void): void {
    for (let at = 0; at < this.fields.length; at += 2)
      visit(this.fields[at] as string, this.fields[at + 1] as string)
  }

  /**
   * Makes one field of those that a client has sent under one name, as httpd does when it reads them. Fields that are added afterwards stay
   * beside it: then the first counts for what reads a header, and the last for applications.
   */
  unify(): void {
    if (this.unified) return
    this.unified = true
    const { fields } = this
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at] as string
      if (this.#find(name, at + 2) < 0) continue
      const values = this.all(name)
      this.#removeFrom(name, at + 2)
      fields[at + 1] = values.join(joinerOf(name))
    }
  }

  /** What a client has sent under that name, as one value. */
  value(name: string): string | undefined {
    const at = this.#find(name, 0)
    if (at < 0) return undefined
    if (this.unified || this.#find(name, at + 2) < 0) return this.fields[at + 1]
    return this.all(name).join(joinerOf(name))
  }

  /** Names and values in turn as applications see them; equal names are still to be joined. */
  get forApplications(): readonly string[] {
    if (!this.unified) return this.fields
    return this.fields.filter((_, at) => this.#find(this.fields[at & ~1] as string, (at & ~1) + 2) < 0)
  }

  #find(name: string, from: number): number {
    const { fields } = this
    const { length } = name
    for (let at = from; at < fields.length; at += 2) {
      const field = fields[at] as string
      // most differ in length already, which spares the lower case
      if (field.length === length && (field === name || field.toLowerCase() === name.toLowerCase())) return at
    }
    return -1
  }

  #removeFrom(name: string, from: number): void {
    for (let at = this.#find(name, from); at >= 0; at = this.#find(name, at)) this.fields.splice(at, 2)
  }
}
