import ArgumentParser
import Glibc
import Storage

/// The keys of an encrypted store. Nothing here, or anywhere in this tool, prints a key.
struct KeyArguments: ParsableArguments {
    /// A key as text: for processes that have no file for it.
    static let variable = "III_STORAGE_KEY"

    @Option(
        name: .customLong("key-file"),
        help: ArgumentHelp(
            "A file with the encryption key; repeated: the current one first. Default: III_STORAGE_KEY.",
            valueName: "path"
        )
    )
    var files: [String] = []

    @Flag(
        name: .customLong("encryption-off"),
        help: "The store's encryption was switched off: all keys are earlier ones, plain content is believed."
    )
    var isSwitchedOff = false

    /// - Throws: `.unusableKey`, which names the file or says that the variable is wrong.
    func keys() throws(StorageError) -> EncryptionKeys {
        var keys: [EncryptionKey] = []
        for file in files { keys.append(try EncryptionKey(file: file)) }
        if keys.isEmpty, let text = getenv(Self.variable), text.pointee != 0 {
            keys.append(try EncryptionKey(text: String(cString: text)))
        }
        // With a current key, what holds no proof of it counts as forged.
        if isSwitchedOff { return EncryptionKeys(current: nil, previous: keys) }
        return EncryptionKeys(current: keys.first, previous: Array(keys.dropFirst()))
    }

    /// The same options for a child process; the variable is inherited.
    var words: [String] { files.flatMap { ["--key-file", $0] } + (isSwitchedOff ? ["--encryption-off"] : []) }
}
