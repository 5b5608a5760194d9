// To be loaded before a script: node-fetch in the place of Node's own fetch, which does not send form-data's forms.
globalThis.fetch = async (...given) => (await import("node-fetch")).default(...given);
