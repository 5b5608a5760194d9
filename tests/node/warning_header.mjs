// Reads the headers of a JSON list as the client does.

import { warningsOf } from "../../stt_ai/console/sdk/warnings.js";

process.stdout.write(JSON.stringify(JSON.parse(process.argv[2]).map(warningsOf)));
