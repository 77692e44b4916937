/**
 * What directives set, kept apart per module and per scope, with httpd's notion of "not set".
 *
 * Each module owns one key per kind of scope (server or directory). A scope's settings for a module are `Partial<T>`: a property that no
 * directive has set is absent, so that merging knows it must inherit. Defaults are filled in once, when the settings are read.
 */

/** Names one module's settings of one kind, how two scopes of them merge and what holds where nothing is set. */
export interface SettingsKey<T extends object> {
  readonly name: string
  /** Index into {@link Settings}; given by {@link settingsKey}. */
  readonly slot: number
  readonly defaults: Readonly<T>
  /** Pure: the settings of an inner scope (`added`) laid over those of an outer one (`base`). */
  readonly merge: (base: Readonly<Partial<T>>, added: Readonly<Partial<T>>) => Partial<T>
}

/** Settings under construction: properties may be set, arrays may be replaced. */
export type Draft<T> = { -readonly [K in keyof T]?: T[K] }

let slots = 0

/**
 * Declares a module's settings. Without `merge`, what is set in the inner scope replaces what the outer one has, property by property.
 */
export function settingsKey<T extends object>(
  name: string,
  defaults: T,
  merge: SettingsKey<T>['merge'] = (base, added) => ({ ...base, ...added }),
): SettingsKey<T> {
  return { name, slot: slots++, defaults: Object.freeze(defaults), merge }
}

/** The settings of all modules in one scope. Written while the configuration is read, only read afterwards. */
export class Settings {
  readonly #own: (object | undefined)[] = []
  readonly #read: (object | undefined)[] = []
  readonly #keys: (SettingsKey<object> | undefined)[] = []
  #merged: WeakMap<Settings, Settings> | undefined
  /** What the request phases have worked out from these settings, once for all requests (request/phases.ts). */
  plan: unknown = undefined
  /** The `.htaccess` file that they come from. */
  file: string | undefined = undefined
  /** For whoever asks which sections hold somewhere: what settings were merged from, as long as this is there. */
  static origins: WeakMap<Settings, readonly [base: Settings, added: Settings]> | undefined

  /** For directives: the object of a module to set properties on. */
  draft<T extends object>(key: SettingsKey<T>): Draft<T> {
    this.#keys[key.slot] = key as unknown as SettingsKey<object>
    this.#read[key.slot] = undefined
    let own = this.#own[key.slot]
    if (own === undefined) this.#own[key.slot] = own = {}
    return own as Draft<T>
  }

  /** What is in force here, defaults included. Cheap: an array access after the first call. */
  get<T extends object>(key: SettingsKey<T>): Readonly<T> {
    const ready = this.#read[key.slot]
    if (ready !== undefined) return ready as T
    const own = this.#own[key.slot]
    const read = own === undefined ? key.defaults : ({ ...key.defaults, ...own } as T)
    this.#read[key.slot] = read
    return read
  }

  /** What was set in this scope itself (or merged into it), without defaults. */
  peek<T extends object>(key: SettingsKey<T>): Readonly<Partial<T>> | undefined {
    return this.#own[key.slot] as Partial<T> | undefined
  }

  /** `added` over this scope. Remembered, so that the same two scopes give the same object as long as both live. */
  with(added: Settings): Settings {
    this.#merged ??= new WeakMap()
    let merged = this.#merged.get(added)
    if (merged === undefined) {
      merged = Settings.merge(this, added)
      this.#merged.set(added, merged)
    }
    return merged
  }

  /** Whether any directive has set something under that key, here or in a scope that this one was merged from. */
  has({ slot }: Pick<SettingsKey<object>, 'slot'>): boolean {
    return this.#own[slot] !== undefined
  }

  get isEmpty(): boolean {
    return this.#own.every((own) => own === undefined)
  }

  /** A new scope: `added` over `base`, module by module. A module without directives in `added` keeps what it had. */
  static merge(base: Settings, added: Settings): Settings {
    const merged = new Settings()
    Settings.origins?.set(merged, [base, added])
    const count = Math.max(base.#own.length, added.#own.length)
    for (let slot = 0; slot < count; slot++) {
      const outer = base.#own[slot]
      const inner = added.#own[slot]
      const key = added.#keys[slot] ?? base.#keys[slot]
      merged.#keys[slot] = key
      merged.#own[slot] =
        outer === undefined
          ? inner
          : inner === undefined
            ? outer
            : (key as SettingsKey<object>).merge(outer, inner)
    }
    return merged
  }
}
