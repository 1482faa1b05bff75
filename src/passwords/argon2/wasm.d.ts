/** Workers compile an imported `.wasm` file when they are deployed; the import is the compiled module. */
declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}
