// JSON as the text that it is: split and indented without a change to any token, so that numbers,
// escapes and the order of members stay as they came.

/** The texts of an array's elements. The text must be the JSON of an array. */
export function elementsOf(text) {
  const elements = [];
  let depth = 0;
  let start = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token === '[' || token === '{') {
      depth += 1;
      if (depth === 1) start = index + 1;
    } else if (token === ']' || token === '}') {
      depth -= 1;
      if (depth === 0) elements.push(text.slice(start, index).trim());
    } else if (token === ',' && depth === 1) {
      elements.push(text.slice(start, index).trim());
      start = index + 1;
    }
  }
  return elements.length === 1 && elements[0] === '' ? [] : elements;
}

/** The text with line breaks and indents, or as it is if it is no JSON. */
export function indented(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let made = '';
  let depth = 0;
  let before = '';
  for (const [token] of text.matchAll(TOKEN)) {
    const isEnd = token === ']' || token === '}';
    if (isEnd) depth -= 1;
    const isEmpty = isEnd && (before === '[' || before === '{');
    if (!isEmpty && (isEnd || before === ',' || before === '[' || before === '{')) {
      made += `\n${'  '.repeat(Math.min(depth, INDENTS_MAX))}`;
    }
    made += token === ':' ? ': ' : token;
    if (token === '[' || token === '{') depth += 1;
    before = token;
  }
  return made;
}

/** What is wrong with a text that should be JSON, in a sentence. */
export function faultOf(error) {
  return error.message.replace(/^JSON\.parse: /, '').replace(/, "?[^"]*"?\.{3} is not/, ' is not');
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/gs;
const INDENTS_MAX = 32;
