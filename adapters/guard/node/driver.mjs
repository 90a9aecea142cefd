// @ts-nocheck
import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';

test('a call is tried', async () => {
  const {run} = createRequire(import.meta.url)(process.env.TITER_REPLAY_PROGRAM);
  await run({load: file => import(pathToFileURL(file).href), again: () => {}});
}, 3600000);
