import type { Command } from '../command.ts'
import { bucketsCommands } from './buckets.ts'
import { cacheCommands } from './cache.ts'
import { compressionCommands } from './compression.ts'
import { dbAdviseCommands } from './db-advise.ts'
import { dbCommands } from './db.ts'
import { dbFolderCommands } from './db-folder.ts'
import { filesCommands } from './files.ts'
import { helpCommands } from './help.ts'
import { jobsCommands } from './jobs.ts'
import { keysCommands } from './keys.ts'
import { logCommands } from './log.ts'
import { presignCommands } from './presign.ts'
import { proxyCommands } from './proxy.ts'
import { serveCommands } from './serve.ts'
import { tokensCommands } from './tokens.ts'
import { usersCommands } from './users.ts'
import { versionCommands } from './version.ts'

/** Every command, in the order in which the help shows them. */
export const commands: readonly Command[] = [
  ...serveCommands,
  ...filesCommands,
  ...presignCommands,
  ...bucketsCommands,
  ...compressionCommands,
  ...cacheCommands,
  ...dbCommands,
  ...dbAdviseCommands,
  ...dbFolderCommands,
  ...jobsCommands,
  ...logCommands,
  ...usersCommands,
  ...keysCommands,
  ...tokensCommands,
  ...proxyCommands,
  ...helpCommands(() => commands),
  ...versionCommands,
]
