// Unpacks the Chromium of @sparticuz/chromium into the folder that TMPDIR names, with the libraries that it needs
// beside glibc: the package itself would bring those on Amazon's machines only.
import { readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";

import { inflate } from "@sparticuz/chromium";

const archives = fileURLToPath(new URL("../bin/", import.meta.resolve("@sparticuz/chromium")));
await Promise.all(readdirSync(archives).map((name) => inflate(archives + name)));
// The package's own configuration names only Amazon's folders.
writeFileSync(
  `${tmpdir()}/fonts/fonts.conf`,
  `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`,
);
