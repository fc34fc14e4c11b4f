/** Those of the examples in S3's documentation. */
export const accessKey = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
}

/** The time of all of them but the policy's. */
export const exampleMs = Date.UTC(2013, 4, 24)
