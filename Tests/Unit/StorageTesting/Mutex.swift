import Synchronization

@testable import Storage

// In some builds the storage module has a mutex of its own, which this one would be mixed up with.
#if III_TSAN
    typealias Mutex<Value: ~Copyable> = Storage.Mutex<Value>
#elseif DEBUG
    typealias Mutex<Value: ~Copyable> = Synchronization.Mutex<Value>
#endif
