import { SaxesParser } from 'saxes'

/** The text is no well-formed XML, or has what no request of S3 has. The message is for people, and names no content. */
export class XmlError extends Error {
  override readonly name = 'XmlError'
}

/** An element by its local name: prefixes, namespaces and attributes are left out. */
export interface XmlElement {
  readonly name: string
  /** Of an element without children exactly what it says, never trimmed: keys may begin and end with spaces. Else ''. */
  readonly text: string
  readonly children: readonly XmlElement[]
}

/** What a small text may cost; how long the text is, the caller bounds. */
export interface XmlLimits {
  /** Of elements in elements; the root is 1 deep. */
  readonly depthMax: number
  readonly elementsMax: number
}

/** For 10,000 parts with a number, an entity tag and each of five checksums, the largest request there is. */
export const s3XmlLimits: XmlLimits = { depthMax: 20, elementsMax: 81_000 }

interface OpenElement {
  readonly name: string
  text: string
  readonly children: XmlElement[]
}

/**
 * Reads a whole document into a tree; throws `XmlError`. No document type, so no entities but the five of XML, and no
 * processing instructions; both are refused, as is text beside elements. Comments are left out, the encoding that a document
 * names is ignored. Ends of lines become LF (XML
 * 1.0 §2.11), except as references. Control characters are legal as references where a document says it is XML 1.1.
 */
export function readXml(text: string, { depthMax, elementsMax }: XmlLimits = s3XmlLimits): XmlElement {
  const parser = new SaxesParser({ xmlns: true, position: false })
  const open: OpenElement[] = []
  let root: XmlElement | undefined
  let elements = 0

  const append = (characters: string) => {
    const element = open.at(-1)
    // Around the root there is white space only: the parser sees to that.
    if (element) element.text += characters
  }
  parser.on('text', append)
  parser.on('cdata', append)
  parser.on('doctype', () => {
    throw new XmlError('a document type is not accepted')
  })
  parser.on('processinginstruction', () => {
    throw new XmlError('processing instructions are not accepted')
  })
  parser.on('opentag', ({ local }) => {
    if (open.length === depthMax) throw new XmlError(`more than ${depthMax} elements inside each other`)
    if (++elements > elementsMax) throw new XmlError(`more than ${elementsMax} elements`)
    open.push({ name: local, text: '', children: [] })
  })
  parser.on('closetag', () => {
    // Tags match: the parser sees to that too.
    const element = closed(open.pop() as OpenElement)
    const parent = open.at(-1)
    if (parent) parent.children.push(element)
    else root = element
  })

  // The parser would take half of a pair together with what comes after it.
  if (!text.isWellFormed()) throw new XmlError('not well-formed Unicode')
  try {
    parser.write(text).close()
  } catch (cause) {
    throw cause instanceof XmlError ? cause : new XmlError('not well-formed XML', { cause })
  }
  if (!root) throw new XmlError('no element')
  return root
}

function closed(element: OpenElement): XmlElement {
  if (element.children.length === 0) return element
  if (/[^ \t\r\n]/.test(element.text)) throw new XmlError('text beside elements')
  element.text = ''
  return element
}

/** The first child of that name. */
export function child(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((candidate) => candidate.name === name)
}

export function children(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((candidate) => candidate.name === name)
}

/** The text of the first child of that name; `undefined` without one. */
export function textOf(element: XmlElement, name: string): string | undefined {
  return child(element, name)?.text
}
