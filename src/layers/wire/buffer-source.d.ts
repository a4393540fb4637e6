/** A name of the DOM that the types of the msgpack library use, for compilers without the DOM. */
type BufferSource = ArrayBuffer | ArrayBufferView;
