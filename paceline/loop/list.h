// An intrusive, doubly linked list whose nodes unlink themselves when destroyed.
#pragma once

namespace paceline {

/// Base of whatever waits in a list. In at most one list at a time.
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <class T>
  friend class List;
  ListNode* next_ = nullptr;
  ListNode* previous_ = nullptr;
};

/// Nodes in order. Owns nothing; a destroyed list leaves its nodes unlinked.
template <class T>
class List {
 public:
  List() { head_.next_ = head_.previous_ = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() {
    while (!empty()) front().unlink();
    head_.next_ = head_.previous_ = nullptr;
  }

  bool empty() const { return head_.next_ == &head_; }
  T& front() const { return *static_cast<T*>(head_.next_); }
  T& back() const { return *static_cast<T*>(head_.previous_); }
  void push_back(T& item) { insert_before(head_, item); }
  void push_front(T& item) { insert_before(*head_.next_, item); }
  T* pop_front() {
    if (empty()) return nullptr;
    T& item = front();
    item.unlink();
    return &item;
  }
  /// Moves all nodes of `other` to the end of this list.
  void splice(List& other) {
    while (!other.empty()) {
      T& item = other.front();
      item.unlink();
      push_back(item);
    }
  }
  template <class Visit>
  void for_each(Visit visit) const {
    for (ListNode* node = head_.next_; node != &head_;) {
      ListNode* next = node->next_;
      visit(*static_cast<T*>(node));
      node = next;
    }
  }

 private:
  static void insert_before(ListNode& where, ListNode& node) {
    node.next_ = &where;
    node.previous_ = where.previous_;
    where.previous_->next_ = &node;
    where.previous_ = &node;
  }
  ListNode head_;
};

}  // namespace paceline
