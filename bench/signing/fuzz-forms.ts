/** One change of a POST form or of its policy, and a plain reading of what a policy allows. */
import { boundary, encodePolicy, messageOfForm, signedFields } from './fuzz-origins.ts'
import { mutateHex, mutateText, pick } from './mutate-text.ts'
import type { Form, Origin, Policy, Signer } from './fuzz-origins.ts'
import type { Dice } from './mutate-text.ts'
import type { Message } from './send.ts'

export interface FormMutant {
  readonly message: Message
  /** Whether its maker has allowed it; `unknown` of bytes that may be a form or not. */
  readonly allowed: boolean | 'unknown'
}

type FormOrigin = Extract<Origin, { kind: 'form' }>
type MutateForm = (origin: FormOrigin, dice: Dice, signer: Signer) => FormMutant

type Field = readonly [name: string, value: string]

export const formMutations: Readonly<Record<string, MutateForm>> = {
  'signature of a form': byFields((fields, dice) =>
    changeField(fields, 'x-amz-signature', (hex) => mutateHex(hex, dice)),
  ),

  'base64 of a policy': byFields((fields, dice) =>
    changeField(fields, 'policy', (text) =>
      pick(dice, [mutateText(text, dice), `${text}=`, `${text}\n`, text.replaceAll('A', 'A '), '', 'e30=']),
    ),
  ),

  'a policy that is not signed': (origin, dice, signer) => {
    const policy = encodePolicy(mutatePolicy(origin.policy, dice, signer))
    const fields = changeField(origin.form.fields, 'policy', () => policy)
    return judge(origin, { ...origin.form, fields }, signer)
  },

  'a field: its value': byFields((fields, dice) => {
    const at = dice(fields.length)
    const [name, value] = fields[at]!
    return fields.with(at, [name, mutateText(value, dice)])
  }),

  'a field: its name': byFields((fields, dice) => {
    const at = dice(fields.length)
    const [name, value] = fields[at]!
    const other = dice(2) === 0 ? name.toUpperCase() : mutateText(name, dice).replace(/["\\;]/g, '')
    return fields.with(at, [other, value])
  }),

  'a field less': byFields((fields, dice) => fields.toSpliced(dice(fields.length), 1)),

  'a field more': byFields((fields, dice) =>
    fields.toSpliced(dice(fields.length + 1), 0, pick(dice, addedFields)),
  ),

  'a field twice': byFields((fields, dice) => {
    const [name, value] = pick(dice, fields)
    const again = [dice(2) === 0 ? name : name.toUpperCase(), dice(2) === 0 ? value : `${value}1`] as const
    return fields.toSpliced(dice(fields.length + 1), 0, again)
  }),

  'a field after the file': (origin, dice, signer) => {
    const at = dice(origin.form.fields.length)
    const fields = origin.form.fields.toSpliced(at, 1)
    const fieldsAfter = [origin.form.fields[at]!]
    return judge(origin, { ...origin.form, fields, fieldsAfter }, signer)
  },

  'the length of a file': (origin, dice, signer) => {
    const { file } = origin.form
    const other = pick(dice, [Buffer.alloc(0), Buffer.concat([file, Buffer.from('x')])])
    return judge(origin, { ...origin.form, file: other }, signer)
  },

  'a policy that is signed': (origin, dice, signer) => {
    const policy = mutatePolicy(origin.policy, dice, signer)
    return resign(origin, encodePolicy(policy), signer)
  },

  'letters of a policy that is signed': (origin, dice, signer) => {
    const text = mutateText(JSON.stringify(origin.policy), dice)
    return resign(origin, Buffer.from(text).toString('base64'), signer)
  },

  'where a form is sent': ({ form }, dice) => {
    const message = messageOfForm(form)
    const other = form.bucket === 'fuzz-one' ? 'fuzz-two' : 'fuzz-one'
    const targets = [`/${other}`, `/${form.bucket}/plain.txt`, '/', `/${form.bucket}x`, '/nobody']
    return dice(3) === 0
      ? { message: { ...message, method: pick(dice, ['PUT', 'GET', 'DELETE', 'HEAD']) }, allowed: false }
      : { message: { ...message, target: pick(dice, targets) }, allowed: false }
  },

  'bytes of a form': ({ form }, dice) => {
    const message = messageOfForm(form)
    const body = Buffer.from(message.body)
    // Not in the file itself: no policy says what that is.
    const headBytes = body.indexOf('application/octet-stream')
    const at = dice(headBytes)
    const changed = pick(dice, [
      Buffer.concat([body.subarray(0, at), body.subarray(at + 1)]),
      Buffer.concat([body.subarray(0, at), Buffer.from(boundary), body.subarray(at)]),
      Buffer.concat([body.subarray(0, at), Buffer.from([dice(256)]), body.subarray(at + 1)]),
      body.subarray(0, at),
    ])
    return { message: { ...message, body: changed }, allowed: 'unknown' }
  },

  'the type of a form': ({ form }, dice) => {
    const message = messageOfForm(form)
    const type = mutateText(message.headers['content-type']!, dice)
    return {
      message: { ...message, headers: { ...message.headers, 'content-type': type } },
      allowed: 'unknown',
    }
  },
}

const addedFields: readonly Field[] = [
  ['acl', 'public-read'],
  ['x-amz-meta-added', '1'],
  ['x-amz-security-token', 'a'],
  ['tagging', '<Tagging/>'],
  ['success_action_redirect', 'https://another.example/'],
  ['Cache-Control', 'public'],
  ['x-ignore-more', '1'],
  ['bucket', 'fuzz-two'],
  ['AWSAccessKeyId', 'a'],
  ['signature', 'a'],
  ['x-cutty-id', 'a'],
  ['', 'a'],
  ['__proto__', 'a'],
]

function byFields(change: (fields: readonly Field[], dice: Dice) => readonly Field[]): MutateForm {
  return (origin, dice, signer) =>
    judge(origin, { ...origin.form, fields: change(origin.form.fields, dice) }, signer)
}

function changeField(
  fields: readonly Field[],
  wanted: string,
  change: (value: string) => string,
): readonly Field[] {
  return fields.map(([name, value]) => [name, name === wanted ? change(value) : value])
}

function mutatePolicy(policy: Policy, dice: Dice, { nowMs }: Signer): unknown {
  const { expiration, conditions } = policy
  const at = dice(conditions.length)
  const other = pick<unknown>(dice, [
    { bucket: 'fuzz-two' },
    ['eq', '$key', 'another'],
    ['starts-with', '$key', 'another/'],
    ['content-length-range', 0, 1],
    ['content-length-range', 100_000, 200_000],
    ['content-length-range', '1', 5],
    ['content-length-range', -1, 'all'],
    ['contains', '$key', ''],
    ['eq', 'key', 'plain.txt'],
    { acl: 'private' },
    { a: '1', b: '2' },
    { 'x-amz-meta-note': ['as it was written'] },
    [],
    null,
    'eq',
  ])
  switch (dice(5)) {
    case 0:
      return { expiration, conditions: conditions.toSpliced(at, 1) }
    case 1:
      return { expiration, conditions: conditions.with(at, other) }
    case 2:
      return { expiration, conditions: [...conditions, other] }
    case 3: {
      const past = new Date(nowMs - 1000 - dice(100_000)).toISOString()
      const later = new Date(nowMs + 1000 + dice(100_000)).toISOString()
      return {
        conditions,
        expiration: pick<unknown>(dice, [past, later, '', 1, null, 'tomorrow', undefined]),
      }
    }
    default:
      return pick<unknown>(dice, [{ expiration }, { expiration, conditions: {} }, [], null, 'policy'])
  }
}

/** The form of a policy that its maker has signed, though it may not allow what is sent. */
function resign(origin: FormOrigin, policy: string, signer: Signer): FormMutant {
  const others = origin.form.fields.filter(([name]) => name !== 'policy' && name !== 'x-amz-signature')
  const fields = [...others, ...signedFields(signer, policy)]
  return judge(origin, { ...origin.form, fields }, signer)
}

function judge({ form: before }: FormOrigin, form: Form, signer: Signer): FormMutant {
  return { message: messageOfForm(form), allowed: isAllowed(before, form, signer) }
}

/** Whether the fields are signed, and as their policy has them. */
function isAllowed(before: Form, form: Form, signer: Signer): boolean {
  const fields = new Map(form.fields.map(([name, value]) => [name.toLowerCase(), value]))
  if (fields.size < form.fields.length) return false
  const original = new Map(before.fields.map(([name, value]) => [name.toLowerCase(), value]))
  const mustStay = ['key', 'x-amz-algorithm', 'x-amz-credential', 'x-amz-date']
  if (mustStay.some((name) => fields.get(name) !== original.get(name))) return false
  const policy = fields.get('policy') ?? ''
  const [, [, signature]] = signedFields(signer, policy) as [Field, Field]
  if (fields.get('x-amz-signature') !== signature) return false
  fields.set('bucket', form.bucket)
  return isFulfilled(policy, { fields, sizeBytes: form.file.length, nowMs: signer.nowMs })
}

interface Filled {
  readonly fields: ReadonlyMap<string, string>
  readonly sizeBytes: number
  readonly nowMs: number
}

function isFulfilled(base64: string, { fields, sizeBytes, nowMs }: Filled): boolean {
  let policy: { expiration?: unknown; conditions?: unknown } | null
  try {
    policy = JSON.parse(Buffer.from(base64, 'base64').toString()) as typeof policy
  } catch {
    return false
  }
  const { expiration, conditions } = policy ?? {}
  if (typeof expiration !== 'string' || !/^\d{4}-.*Z$/.test(expiration)) return false
  if (!(Date.parse(expiration) > nowMs) || !Array.isArray(conditions)) return false
  const named = new Set(['policy', 'x-amz-signature'])
  for (const condition of conditions as unknown[]) {
    if (typeof condition !== 'object' || condition === null) return false
    const [operator, name, value] = Array.isArray(condition)
      ? (condition as unknown[])
      : ['eq', ...Object.entries(condition).flatMap(([field, wanted]) => [`$${field}`, wanted as unknown])]
    if (String(operator).toLowerCase() === 'content-length-range') {
      if (!(sizeBytes >= Number(name) && sizeBytes <= Number(value))) return false
      continue
    }
    const field = String(name).slice(1).toLowerCase()
    const actual = fields.get(field) ?? ''
    const holds =
      String(operator).toLowerCase() === 'eq' ? actual === value : actual.startsWith(String(value))
    if (!holds) return false
    named.add(field)
  }
  return [...fields.keys()].every((name) => named.has(name) || name.startsWith('x-ignore-'))
}
