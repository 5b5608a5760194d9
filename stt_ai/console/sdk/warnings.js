// The header `X-STT-Warnings`, with which answers that are plain text have their warnings: a list of RFC 9651.

const ITEM = /\s*([\w*][\w.:/*-]*)((?:\s*;\s*[a-z*][\w.*-]*(?:=(?:"(?:[^"\\]|\\.)*"|[^\s;,"]+))?)*)\s*(?:,|$)/y;
const PARAMETER = /;\s*([a-z*][\w.*-]*)(?:=("(?:[^"\\]|\\.)*"|[^\s;,"]+))?/g;

/** `[{code, message, start?, end?}]`, in order, as far as the value is well formed. */
export function warningsOf(header) {
  const warnings = [];
  if (!header) return warnings;
  ITEM.lastIndex = 0;
  for (let item; ITEM.lastIndex < header.length && (item = ITEM.exec(header)); ) {
    const values = Object.fromEntries([...item[2].matchAll(PARAMETER)].map(([, name, value]) => [name, value ?? ""]));
    const warning = { code: item[1], message: (values.message ?? "").slice(1, -1).replace(/\\(.)/g, "$1") };
    for (const name of ["start", "end"]) if (name in values) warning[name] = Number(values[name]);
    warnings.push(warning);
  }
  return warnings;
}
