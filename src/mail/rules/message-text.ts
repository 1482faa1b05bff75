import { type Block, type Message, oneLine } from './message.ts';

const blockText = (block: Block): string => {
  switch (block.kind) {
    case 'paragraph':
      return block.text;
    case 'action':
      return `${block.label}:\n${block.url}`;
    case 'code':
      return `    ${block.code}`;
    case 'facts':
      return block.rows.map(([label, value]) => `${label}: ${oneLine(value)}`).join('\n');
  }
};

/** The plain part; lines are left as long as they are, as the transport wraps them. */
export const renderText = ({ blocks }: Message): string => `${blocks.map(blockText).join('\n\n')}\n`;
