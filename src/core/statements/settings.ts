import { defineStatement } from './define.ts'

export const findSetting = defineStatement<{ name: string }, { value: string }>({
  name: 'settings.find',
  text: `SELECT value FROM settings WHERE name = ?1`,
  params: ['name'],
  reads: ['settings'],
  writes: [],
})

export const putSetting = defineStatement<{ name: string; value: string }>({
  name: 'settings.put',
  text: `INSERT INTO settings (name, value) VALUES (?1, ?2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  params: ['name', 'value'],
  reads: ['settings'],
  writes: ['settings'],
})
