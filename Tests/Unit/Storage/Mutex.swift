@testable import StorageTesting

// Storage and Synchronization have one each.
#if DEBUG
    typealias Mutex<Value: ~Copyable> = StorageTesting.Mutex<Value>
#endif
