import Storage

extension KeyArguments {
    /// Options of a store that is opened with these keys.
    func options() throws(StorageError) -> StorageOptions {
        var options = StorageOptions()
        options.encryption = try keys()
        return options
    }
}
