import { Buffer } from 'node:buffer'
import type { Core } from '../core.ts'
import { bind } from '../ports/database.ts'
import { findSetting, putSetting } from '../statements/settings.ts'

const settingName = 'master_key_check'

/**
 * Throws when the database was made with another master key: better at start than at every sign-in. The check is a
 * text sealed with the key on the first start.
 */
export async function checkMasterKey(core: Core): Promise<void> {
  const [setting] = await core.database.query(findSetting, { name: settingName })
  if (!setting) {
    const value = Buffer.from(core.secrets.seal('cutty', settingName)).toString('base64')
    await core.database.batch([bind(putSetting, { name: settingName, value })])
    return
  }
  try {
    core.secrets.open(new Uint8Array(Buffer.from(setting.value, 'base64')), settingName)
  } catch (cause) {
    throw new Error(
      'The master key is not the one this data was made with. Set CUTTY_MASTER_KEY, or put the file master.key back.',
      { cause },
    )
  }
}
