import Storage

extension KeyArguments {
    /// Options of a store that is opened with these keys. How much history its log keeps is its engine's business: this
    /// tool retires none of it.
    func options() throws(StorageError) -> StorageOptions {
        var options = StorageOptions()
        options.encryption = try keys()
        options.retainLogBytes = .max
        return options
    }
}
