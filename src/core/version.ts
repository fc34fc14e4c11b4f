/** Of the package; a test holds it against package.json, which a Worker cannot read. */
export const version = '0.1.0'
