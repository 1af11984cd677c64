// Converts rich text for sandbox/rich_text.py, one JSON request and one JSON answer a line.
//
// Request {"to": "adf", "wiki": "…"} or {"to": "wiki", "adf": {…}}; answer {"ok": …} or
// {"error": "…"}. Both converters are Atlassian's own, so that the sandbox answers as Jira would.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { WikiMarkupTransformer } = require('@atlaskit/editor-wikimarkup-transformer');
const { JSONTransformer } = require('@atlaskit/editor-json-transformer');
const { defaultSchema } = require('@atlaskit/adf-schema/schema-default');

const wikiMarkup = new WikiMarkupTransformer(defaultSchema);
const json = new JSONTransformer(defaultSchema);

// The converter leaves Jira's `accountid:` prefix in a mention's id; Jira's own answers carry the
// bare account id, and take the prefix back on the way to wiki markup.
const PREFIX = 'accountid:';

function mapMentions(node, change) {
  if (node.type === 'mention' && node.attrs?.id) {
    return { ...node, attrs: { ...node.attrs, id: change(node.attrs.id) } };
  }
  return node.content ? { ...node, content: node.content.map((n) => mapMentions(n, change)) } : node;
}

function convert(request) {
  if (request.to === 'adf') {
    const adf = json.encode(wikiMarkup.parse(request.wiki, {}));
    return mapMentions(adf, (id) => (id.startsWith(PREFIX) ? id.slice(PREFIX.length) : id));
  }
  const adf = mapMentions(request.adf, (id) => (id.startsWith(PREFIX) ? id : PREFIX + id));
  return wikiMarkup.encode(defaultSchema.nodeFromJSON(adf), {});
}

const requests = createInterface({ input: process.stdin, crlfDelay: Infinity });
requests.on('line', (line) => {
  let answer;
  try {
    answer = { ok: convert(JSON.parse(line)) };
  } catch (error) {
    answer = { error: String(error?.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
