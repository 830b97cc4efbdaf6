import ArgumentParser
import Storage

/// Keys of an encrypted store, for the commands that open or copy one.
struct KeyFileArguments: ParsableArguments {
    @Option(
        name: .customLong("key-file"),
        help: ArgumentHelp("A file with a key; the first seals, further ones open what was sealed earlier.", valueName: "file")
    )
    var keyFiles: [String] = []

    /// Options of a store with these keys.
    func options() throws -> StorageOptions {
        var options = StorageOptions()
        options.encryption = try keys()
        return options
    }

    func keys() throws -> EncryptionKeys {
        let keys = try keyFiles.map { try EncryptionKey(file: $0) }
        return EncryptionKeys(current: keys.first, previous: Array(keys.dropFirst()))
    }
}
