// Names of languages.

const names = new Intl.DisplayNames(["en"], { type: "language" });

export function languageName(code) {
  try {
    return names.of(code);
  } catch {
    return code;
  }
}
