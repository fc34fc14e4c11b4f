import type { HttpReply } from '../exchange.ts'
import { type XmlContent, xmlDocument } from './xml-write.ts'

export function xmlReply(
  status: number,
  root: string,
  content: XmlContent,
  headers: Readonly<Record<string, string>> = {},
  namespace?: string,
): HttpReply {
  return {
    status,
    headers: { 'Content-Type': 'application/xml', 'Cache-Control': 'no-store', ...headers },
    body: xmlDocument(root, content, namespace),
  }
}
