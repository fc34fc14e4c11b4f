import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  child,
  children,
  readXml,
  s3XmlLimits,
  textOf,
  XmlError,
  type XmlElement,
} from '../../../src/http/s3/xml-read.ts'
import {
  escapeXml,
  s3Namespace,
  xmlDeclaration,
  xmlDocument,
  xmlRoot,
  XmlWithAttributes,
  type XmlContent,
} from '../../../src/http/s3/xml-write.ts'

/** Any text of characters that XML 1.0 has; some of them often. */
const legalText = fc.string({
  unit: fc
    .oneof(
      fc.constantFrom(...'&<>"\'\r\n\t ;#]\u0085\u2028\ufeff\ufffd'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    )
    // It is about them.
    // oxlint-disable-next-line no-control-regex
    .filter((character) => !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(character)),
  maxLength: 40,
})

/** A model of what is read: what was written, without what is left out. */
function elements(name: string, content: XmlContent): XmlElement[] {
  if (content === undefined) return []
  if (typeof content !== 'object') return [{ name, text: String(content), children: [] }]
  if (Array.isArray(content)) return content.flatMap((item: XmlContent) => elements(name, item))
  if (content instanceof XmlWithAttributes) return elements(name, content.content)
  const inside = Object.entries(content).flatMap(([key, value]) => elements(key, value))
  return [{ name, text: '', children: inside }]
}

const elementName = fc.constantFrom('Key', 'Part', 'ETag', 'constructor', 'a-b', 'É')
const { node } = fc.letrec<{ node: XmlContent; fields: { [name: string]: XmlContent } }>((tie) => ({
  fields: fc.dictionary(elementName, tie('node'), { maxKeys: 4 }),
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    legalText,
    fc.oneof(fc.integer(), fc.boolean(), fc.constant(undefined)),
    fc.array(tie('node'), { maxLength: 4 }),
    fc.tuple(legalText, tie('fields')).map(([value, fields]) => new XmlWithAttributes({ id: value }, fields)),
    tie('fields'),
  ),
}))

const nested = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth)

describe('what is written', () => {
  test('is read again, in any text of legal characters', () => {
    fc.assert(
      fc.property(legalText, (text) => {
        expect(textOf(readXml(xmlDocument('Delete', { Key: text })), 'Key')).toBe(text)
      }),
      { seed: 21, numRuns: 1000 },
    )
  })

  test('is read again, in any shape', () => {
    fc.assert(
      fc.property(fc.dictionary(elementName, node, { maxKeys: 4 }), (fields) => {
        expect([readXml(xmlDocument('Root', fields), { depthMax: 100, elementsMax: 10_000 })]).toEqual(
          elements('Root', fields),
        )
      }),
      { seed: 22, numRuns: 500 },
    )
  })

  test('looks as S3 writes it', () => {
    const listing = {
      Name: 'photos',
      Prefix: '',
      Marker: undefined,
      MaxKeys: 1000,
      IsTruncated: false,
      Contents: [
        { Key: 'a & b', ETag: '"0cc1"', Size: 0 },
        { Key: '<😀>', ETag: '"92eb"', Size: 2 ** 40 },
      ],
      CommonPrefixes: [],
      Tag: ['x', undefined, 'y'],
    }
    expect(xmlDocument('ListBucketResult', listing)).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n' +
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>photos</Name><Prefix/>' +
        '<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>' +
        '<Contents><Key>a &amp; b</Key><ETag>&quot;0cc1&quot;</ETag><Size>0</Size></Contents>' +
        '<Contents><Key>&lt;😀&gt;</Key><ETag>&quot;92eb&quot;</ETag><Size>1099511627776</Size></Contents>' +
        '<Tag>x</Tag><Tag>y</Tag></ListBucketResult>',
    )
  })

  test('may have a root of text, of nothing, and in no namespace', () => {
    expect(xmlRoot('LocationConstraint', 'eu-west-1')).toBe(
      `<LocationConstraint xmlns="${s3Namespace}">eu-west-1</LocationConstraint>`,
    )
    expect(xmlDocument('Error', { Code: 'NoSuchKey' }, '')).toBe(
      `${xmlDeclaration}<Error><Code>NoSuchKey</Code></Error>`,
    )
    for (const nothing of ['', undefined, {}]) expect(xmlRoot('A', nothing, '')).toBe('<A/>')
  })

  test('has attributes where it must, on each of repeated elements', () => {
    const type = { 'xsi:type': 'Canonical"\n<User>' }
    expect(xmlRoot('G', { Grantee: new XmlWithAttributes(type, [{ ID: '1' }, '2']) }, '')).toBe(
      '<G><Grantee xsi:type="Canonical&quot;&#xa;&lt;User&gt;"><ID>1</ID></Grantee>' +
        '<Grantee xsi:type="Canonical&quot;&#xa;&lt;User&gt;">2</Grantee></G>',
    )
  })

  test('has references for what XML would change or has not', () => {
    expect(escapeXml('\r\n\t')).toBe('&#13;\n\t')
    expect(escapeXml('\0\u0001\b\u000b\u000c\u001f')).toBe('&#x0;&#x1;&#x8;&#xb;&#xc;&#x1f;')
    expect(escapeXml('\ufffe\uffff\ud83d-\ude00')).toBe('&#xfffe;&#xffff;&#xd83d;-&#xde00;')
    expect(escapeXml(' \u007f\u0085\u009f\ud7ff\ue000\ufffd\u{1f600}\u{10ffff}')).toBe(
      ' \u007f\u0085\u009f\ud7ff\ue000\ufffd\u{1f600}\u{10ffff}',
    )
    expect(escapeXml('')).toBe('')
  })
})

describe('what is read', () => {
  const request = `\ufeff<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
    <!-- of a client -->
    <CompleteMultipartUpload xmlns="${s3Namespace}">
      <Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>
      <Part>
        <ETag/>
        <PartNumber>2</PartNumber>
      </Part>
      <Other>x</Other>
    </CompleteMultipartUpload>
  `

  test('is found by names', () => {
    const root = readXml(request)
    expect(root).toMatchObject({ name: 'CompleteMultipartUpload', text: '' })
    const parts = children(root, 'Part')
    expect(parts.map((part) => textOf(part, 'PartNumber'))).toEqual(['1', '2'])
    expect(parts.map((part) => textOf(part, 'ETag'))).toEqual(['"a"', ''])
    expect(child(root, 'Part')).toBe(parts[0])
    expect(child(root, 'Absent')).toBeUndefined()
    expect(textOf(root, 'Absent')).toBeUndefined()
    expect(children(root, 'Absent')).toEqual([])
  })

  test.each([
    '<Delete><Key>a</Key></Delete>',
    `<s3:Delete xmlns:s3="${s3Namespace}"><s3:Key>a</s3:Key></s3:Delete>`,
    '<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01"><Key>a</Key></Delete>',
    `<Delete xmlns="${s3Namespace}" xmlns:x="y" x:z="1" __proto__="2"><Key id="1">a</Key></Delete>`,
  ])('has no prefix, namespace or attribute: %s', (text) => {
    expect(readXml(text)).toEqual({
      name: 'Delete',
      text: '',
      children: [{ name: 'Key', text: 'a', children: [] }],
    })
  })

  test.each([
    ['  a b \t', '  a b \t'],
    [' ', ' '],
    ['\n', '\n'],
    ['a\r\nb\rc', 'a\nb\nc'],
    ['&#13;&#xD;&#10;\r\n', '\r\r\n\n'],
    ['&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;', '<>&"\'A😀'],
    ['&amp;lt;&#38;lt;', '&lt;&lt;'],
    ['a<![CDATA[<b>&amp; ]] ]]>c', 'a<b>&amp; ]] c'],
    ['<![CDATA[]]>', ''],
    ['a<!-- <x> -->b', 'ab'],
    ['\ufeff', '\ufeff'],
  ])('keeps text as it is: %j', (text, expected) => {
    expect(textOf(readXml(`<Delete><Key>${text}</Key></Delete>`), 'Key')).toBe(expected)
  })

  test('has control characters where the document says XML 1.1, and never NUL', () => {
    expect(readXml('<?xml version="1.1"?><Key>&#1;&#x1f;</Key>').text).toBe('\u0001\u001f')
    expect(() => readXml('<Key>&#1;</Key>')).toThrow(XmlError)
    expect(() => readXml('<?xml version="1.1"?><Key>&#0;</Key>')).toThrow(XmlError)
  })

  test('may be called as members of every object are', () => {
    const root = readXml('<__proto__><constructor>a</constructor></__proto__>')
    expect(root.name).toBe('__proto__')
    expect(textOf(root, 'constructor')).toBe('a')
    expect(textOf(root, 'toString')).toBeUndefined()
  })

  test('is as deep and as much as allowed, and no more', () => {
    const limits = { depthMax: 5, elementsMax: 10 }
    expect(readXml(nested(5), limits).name).toBe('a')
    expect(() => readXml(nested(6), limits)).toThrow(XmlError)
    expect(readXml(`<a>${'<b/>'.repeat(9)}</a>`, limits).children).toHaveLength(9)
    expect(() => readXml(`<a>${'<b/>'.repeat(10)}</a>`, limits)).toThrow(XmlError)
  })

  test('may be the largest request there is: 10,000 parts with five checksums', () => {
    const checksums = {
      ChecksumCRC32: 'a',
      ChecksumCRC32C: 'b',
      ChecksumCRC64NVME: 'c',
      ChecksumSHA1: 'd',
      ChecksumSHA256: 'e',
    }
    const Part = Array.from({ length: 10_000 }, (_, i) => ({ PartNumber: i + 1, ETag: '"x"', ...checksums }))
    const root = readXml(xmlDocument('CompleteMultipartUpload', { Part }), s3XmlLimits)
    expect(textOf(children(root, 'Part').at(-1)!, 'PartNumber')).toBe('10000')
  })
})

describe('XmlError for', () => {
  test.each([
    ['nothing', ''],
    ['white space', ' \n'],
    ['a declaration alone', '<?xml version="1.0"?>'],
    ['an open tag', '<a'],
    ['an open element', '<a>'],
    ['an open element inside', '<a><b></a>'],
    ['crossed elements', '<a><b></a></b>'],
    ['an end without a start', '</a>'],
    ['names of other case', '<a></A>'],
    ['two roots', '<a/><a/>'],
    ['text before the root', 'x<a/>'],
    ['text after the root', '<a/>x'],
    ['a reference after the root', '<a/>&#32;'],
    ['a late declaration', ' <?xml version="1.0"?><a/>'],
    ['a processing instruction', '<?xml version="1.0"?><?php x?><a/>'],
    ['an instruction inside', '<a><?x?></a>'],
    ['a document type', '<!DOCTYPE a><a/>'],
    ['an external one', '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'],
    ['an entity', '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'],
    ['an external entity', '<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1/">]><a>&x;</a>'],
    ['an entity unknown', '<a>&nbsp;</a>'],
    ['an entity of every object', '<a>&constructor;&__proto__;</a>'],
    ['a lone ampersand', '<a>a & b</a>'],
    ['an open reference', '<a>&amp</a>'],
    ['a reference to no character', '<a>&#xFFFF;</a>'],
    ['a reference to half a pair', '<a>&#xD800;</a>'],
    ['a reference above all', '<a>&#x110000;</a>'],
    ['a control character', '<a>\u0001</a>'],
    ['NUL', '<a>\0</a>'],
    ['half a pair', '<a>\ud800</a>'],
    ['an end of CDATA in text', '<a>]]></a>'],
    ['open CDATA', '<a><![CDATA[x</a>'],
    ['an open comment', '<a><!-- </a>'],
    ['an attribute twice', '<a x="1" x="2"/>'],
    ['an attribute without quotes', '<a x=1/>'],
    ['a prefix unbound', '<s3:a/>'],
    ['text beside elements', '<a>x<b/></a>'],
    ['text after elements', '<a><b/>x</a>'],
    ['CDATA beside elements', '<a><b/><![CDATA[x]]></a>'],
    ['JSON', '{"a":1}'],
    ['HTML', '<!doctype html><p>x'],
    ['XML 2', '<?xml version="2.0"?><a/>'],
  ])('%s', (_what, text) => {
    expect(() => readXml(text)).toThrow(XmlError)
  })

  test('any text is that or a tree', () => {
    const piece = fc.constantFrom(
      '<a>',
      '</a>',
      '<b',
      '/>',
      '>',
      '&',
      '#',
      ';',
      '<!',
      '--',
      '[CDATA[',
      ']]>',
      '<?',
      'xml',
      ' ',
      '="',
      'x',
      '\r',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(piece, { maxLength: 20 }).map((all) => all.join('')),
        ),
        (text) => {
          try {
            expect(readXml(text).name).not.toBe('')
          } catch (error) {
            expect(error).toBeInstanceOf(XmlError)
          }
        },
      ),
      { seed: 23, numRuns: 2000 },
    )
  })

  test('a billion laughs and their kin, at once', () => {
    const laughs = Array.from({ length: 30 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join(
      '',
    )
    const megabyte = 1 << 20
    const bombs = [
      `<!DOCTYPE a [<!ENTITY l0 "lol">${laughs}]><a>&l30;</a>`,
      `<!DOCTYPE a [<!ENTITY x "${'x'.repeat(megabyte)}">]><a>${'&x;'.repeat(1000)}</a>`,
      `<!DOCTYPE a [${'<!ENTITY x "y">'.repeat(megabyte / 16)}`,
      '<a>'.repeat(megabyte / 4),
      `<a>${'<b/>'.repeat(megabyte / 4)}</a>`,
      `<a>${'&'.repeat(megabyte)}`,
      `<a>&#${'1'.repeat(megabyte)};</a>`,
      `<a${' '.repeat(megabyte)}`,
      `<${'a'.repeat(megabyte)}`,
      `<a>${'<![CDATA['.repeat(megabyte / 9)}`,
      `<a>${'<!--'.repeat(megabyte / 4)}`,
    ]
    for (const bomb of bombs) {
      const start = performance.now()
      expect(() => readXml(bomb)).toThrow(XmlError)
      // 20 to 100 ms each on an idle machine.
      expect(performance.now() - start).toBeLessThan(5000)
    }
  })
})
