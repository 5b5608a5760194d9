// Packs the folder of the first argument, installs it into that of the second, uses it there, and checks `use.ts`.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [sdk, folder] = process.argv.slice(2);
const run = (command, ...args) => execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

const [packed] = JSON.parse(run("npm", "pack", "--json", "--offline", sdk));
const files = packed.files.map(({ path }) => path);
for (const needed of ["stt-ai.js", "stt-ai.d.ts", "microphone-worklet.js", "README.md"]) {
  if (!files.includes(needed)) throw new Error(`the package lacks ${needed}`);
}
writeFileSync(`${folder}/package.json`, '{"private": true, "type": "module"}');
run("npm", "install", "--offline", "--no-audit", "--no-fund", "--no-package-lock", `./${packed.filename}`);
writeFileSync(`${folder}/use.js`, 'import { Client, SttAiError } from "stt-ai"; console.log(new Client().baseUrl, SttAiError.name);');
const printed = run(process.execPath, "use.js");
if (printed !== "http://127.0.0.1:8000 SttAiError\n") throw new Error(printed);
const tsc = fileURLToPath(new URL("../bin/tsc", import.meta.resolve("typescript")));
run(process.execPath, tsc, "--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom,esnext.disposable", "use.ts");
console.log("ok");
