/**
 * Made with the reference implementation of RFC 9106 (phc-winner-argon2, the `argon2` command):
 * `printf '%s' "$password" | argon2 "$salt" -id -v 13 -t $t -k $m -p $p -l $bytes -r`.
 * The RFC's own vector (section 5.3) has associated data, which hash-wasm does not take.
 */
export const knownAnswers = [
  {
    password: 'password',
    salt: 'somesalt',
    parameters: { memoryKib: 65_536, iterations: 2, parallelism: 1 },
    tag: '09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7',
  },
  {
    password: 'password',
    salt: 'somesalt',
    parameters: { memoryKib: 19_456, iterations: 2, parallelism: 1 },
    tag: '3cbd356a63f2794bb11bb1f4bc8af95fea87919bd69c79860465c562f87ccf61',
  },
  {
    password: 'password',
    salt: 'somesalt',
    parameters: { memoryKib: 7168, iterations: 1, parallelism: 1 },
    tag: 'd2fb7d7196122d6a912151610ccf657a8f4d113e06934b73b6876dc7c0c23f28',
  },
  {
    password: 'correct horse battery staple',
    salt: 'saltsaltsaltsalt',
    parameters: { memoryKib: 12_288, iterations: 3, parallelism: 1 },
    tag:
      'd4d81b2faabde54359e3ccd4d4162cfa4b053ad72017d646cc0a880183f30862' +
      'dd16f61ea59230b147a4fb18a70bc56f94feeded2c32e158597713210b8d5ce9',
  },
  {
    password: 'pässwörd-ß',
    salt: '0123456789abcdef',
    parameters: { memoryKib: 19_456, iterations: 2, parallelism: 1 },
    tag: '4061b449bcede06b0130b5fa2e207ea5689a86a9d6e2766b7cc82b54d136fa7c',
  },
  {
    password: 'differentpassword',
    salt: 'diffsalt',
    parameters: { memoryKib: 1024, iterations: 4, parallelism: 4 },
    tag: 'f9c32fc9ac4376c2c1beaa008156ffd9114d3f7486636523',
  },
  {
    password: 'password',
    salt: 'somesalt',
    parameters: { memoryKib: 256, iterations: 2, parallelism: 2 },
    tag: '6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037',
  },
  {
    password: 'x',
    salt: 'somesalt',
    parameters: { memoryKib: 65_536, iterations: 10, parallelism: 1 },
    tag: '6563835376130a2f6224737301a3d0ee',
  },
];
