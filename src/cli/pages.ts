import type { Connection } from './connection.ts'

/**
 * The pages of a listing, one after the other, each asked for when the one before has been used. `cursor` finds in a
 * page what the next one is to be asked with.
 */
export async function* readPages<Page>(
  connection: Connection,
  listing: {
    path: string
    parameters: Readonly<Record<string, string | undefined>>
    cursor: (page: Page) => readonly [parameter: string, value: string] | undefined
  },
): AsyncGenerator<Page> {
  const parameters = new Map(Object.entries(listing.parameters))
  for (;;) {
    const query = [...parameters]
      .flatMap(([name, value]) => (value === undefined ? [] : `${name}=${encodeURIComponent(value)}`))
      .join('&')
    const page = await connection.call<Page>('GET', query ? `${listing.path}?${query}` : listing.path)
    yield page
    const next = listing.cursor(page)
    if (!next) return
    parameters.set(...next)
  }
}
