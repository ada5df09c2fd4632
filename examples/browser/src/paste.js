// What was pasted: rows, in one of three forms, or a whole body of a reply.

import { elementsOf, faultOf } from './json_text.js';
import { millisOf } from './moment.js';

/** Longer texts are refused: they would hold the page up. */
export const PASTE_CHARS_MAX = 4 * 1024 * 1024;
const ROWS_MAX = 10_000;

/**
 * Reads a pasted text: `{rows}`, the text and time of each; `{body}`, a whole reply; or `{fault}`,
 * a sentence that says what to do.
 */
export function readPaste(text) {
  const trimmed = text.trim();
  if (text.length > PASTE_CHARS_MAX) {
    return {
      fault: `the text has ${text.length} characters: at most ${PASTE_CHARS_MAX} are taken`,
    };
  }
  if (trimmed === '') return { fault: 'there are no rows: paste some, or restore the sample' };
  const read = trimmed.startsWith('[') ? readArray(trimmed) : readObjects(trimmed);
  if (read.rows && read.rows.length > ROWS_MAX) {
    return { fault: `there are ${read.rows.length} rows: at most ${ROWS_MAX} are taken` };
  }
  return read;
}

function readArray(text) {
  const { value, error } = parsed(text);
  if (error) return { fault: `this begins as a JSON array and is none: ${faultOf(error)}` };
  if (value === undefined) return { fault: 'the array is nested too deeply' };
  return { rows: elementsOf(text).map((row, index) => rowOf(row, value[index])) };
}

/** One object is a row or a whole reply; else each line is a row. */
function readObjects(text) {
  const { value, error } = parsed(text);
  if (!error) {
    if (value === null || typeof value !== 'object') {
      return { fault: 'this is JSON, but neither a row nor a list of rows nor a reply' };
    }
    const isReply = ['data', 'meta', 'fail', 'error'].some((name) => name in value);
    return isReply ? { body: text } : { rows: [rowOf(text, value)] };
  }
  const rows = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const row = parsed(line);
    if (row.error) {
      return {
        fault:
          `line ${index + 1} is no JSON: ${faultOf(row.error)}. Give a JSON array of rows, one ` +
          'row a line, or the whole body of a reply',
      };
    }
    rows.push(rowOf(line.trim(), row.value));
  }
  return { rows };
}

function parsed(text) {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { error };
  }
}

function rowOf(text, value) {
  const isObject = value !== null && typeof value === 'object';
  return { text, value: isObject ? value : {}, millis: millisOf(String(value?.eventTime)) };
}
