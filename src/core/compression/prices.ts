/** What storing and moving costs, in US dollars. A GB has 10^9 bytes, a month 30 days. */
export interface Prices {
  readonly storageUsdPerGbMonth: number
  /** Of a million operations that write or list. */
  readonly classAUsdPerMillion: number
  /** Of a million operations that read. */
  readonly classBUsdPerMillion: number
}

export type PriceOverrides = { readonly [name in keyof Prices]?: number | undefined }

/** R2's list prices, standard storage: https://developers.cloudflare.com/r2/pricing/ (November 2026). Reading costs nothing more. */
export const listPrices: Prices = Object.freeze({
  storageUsdPerGbMonth: 0.015,
  classAUsdPerMillion: 4.5,
  classBUsdPerMillion: 0.36,
})

/** An estimate. What it saves every month, against what changing the files costs once. */
export interface Money extends Prices {
  readonly savedUsdPerMonth: number
  /** One read and one write for each changed file. */
  readonly operationsUsd: number
  readonly netUsdFirstMonth: number
  /** When the saving has paid for the operations; null where it never does. */
  readonly breakEvenDays: number | null
}

export function estimateMoney(
  saving: { savedBytes: number; changedFiles: number },
  overrides: PriceOverrides = {},
): Money {
  const prices: Prices = {
    storageUsdPerGbMonth: overrides.storageUsdPerGbMonth ?? listPrices.storageUsdPerGbMonth,
    classAUsdPerMillion: overrides.classAUsdPerMillion ?? listPrices.classAUsdPerMillion,
    classBUsdPerMillion: overrides.classBUsdPerMillion ?? listPrices.classBUsdPerMillion,
  }
  const savedUsdPerMonth = (saving.savedBytes / 1e9) * prices.storageUsdPerGbMonth
  const operationsUsd =
    (saving.changedFiles * (prices.classAUsdPerMillion + prices.classBUsdPerMillion)) / 1e6
  const isPaidBack = savedUsdPerMonth > 0 || operationsUsd === 0
  return {
    ...prices,
    savedUsdPerMonth,
    operationsUsd,
    netUsdFirstMonth: savedUsdPerMonth - operationsUsd,
    breakEvenDays: !isPaidBack ? null : operationsUsd === 0 ? 0 : (operationsUsd / savedUsdPerMonth) * 30,
  }
}
