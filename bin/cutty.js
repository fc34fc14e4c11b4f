#!/usr/bin/env node
// The command `cutty`, and the server of `npm start`. Plain JavaScript, because what it does must happen before the first
// TypeScript file is loaded: compiled code is kept between starts, which starts faster and spares some 35 MB in which Node
// would strip types. https://nodejs.org/api/module.html#module-compile-cache
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

const { directory } = enableCompileCache(
  fileURLToPath(new URL('../node_modules/.cache/cutty', import.meta.url)),
)
// Worker threads read it here.
if (directory) process.env.NODE_COMPILE_CACHE ??= directory
await import('../src/cli/main.ts')
