! SPDX-License-Identifier: BSD-3-Clause
!
! The types, constants and functions of the module gemmule against the headers: each member gets a value of its own
! here, and fortran_layout.c looks for it in the member of that name.
program fortran_layout
    use gemmule
    implicit none

    interface
        integer(c_int) function check_options(x) bind(c)
            import :: c_int, gml_context_options
            type(gml_context_options), intent(in) :: x
        end function
        integer(c_int) function check_gemm(x) bind(c)
            import :: c_int, gml_gemm_problem
            type(gml_gemm_problem), intent(in) :: x
        end function
        integer(c_int) function check_softmax(x) bind(c)
            import :: c_int, gml_softmax_problem
            type(gml_softmax_problem), intent(in) :: x
        end function
        integer(c_int) function check_attention(x) bind(c)
            import :: c_int, gml_attention_problem
            type(gml_attention_problem), intent(in) :: x
        end function
        integer(c_int) function check_merging(x) bind(c)
            import :: c_int, gml_attention_merge_problem
            type(gml_attention_merge_problem), intent(in) :: x
        end function
        integer(c_int) function check_defaults(options, gemm, softmax, attention, merging) bind(c)
            import :: c_int, gml_context_options, gml_gemm_problem, gml_softmax_problem, gml_attention_problem, &
                gml_attention_merge_problem
            type(gml_context_options), intent(in) :: options
            type(gml_gemm_problem), intent(in) :: gemm
            type(gml_softmax_problem), intent(in) :: softmax
            type(gml_attention_problem), intent(in) :: attention
            type(gml_attention_merge_problem), intent(in) :: merging
        end function
        integer(c_int) function check_constants(x, n) bind(c)
            import :: c_int
            integer(c_int), intent(in) :: x(*)
            integer(c_int), value :: n
        end function
    end interface

    type(gml_context_options) :: options
    type(gml_gemm_problem) :: gemm
    type(gml_softmax_problem) :: softmax
    type(gml_attention_problem) :: attention
    type(gml_attention_merge_problem) :: merging
    type(c_ptr) :: context = c_null_ptr
    character(16, c_char), target :: isa
    integer :: i

    call demand(check_defaults(options, gemm, softmax, attention, merging), "defaults")

    options%threads = 1
    options%reserved = 2
    options%isa = place(3)
    options%parallel_for = transfer(4_c_intptr_t, c_null_funptr)
    options%parallel_host = place(5)
    options%allocate = transfer(6_c_intptr_t, c_null_funptr)
    options%release = transfer(7_c_intptr_t, c_null_funptr)
    options%allocator_host = place(8)
    call demand(check_options(options), "gml_context_options")

    gemm%type = 1
    gemm%threads = 2
    gemm%m = 3
    gemm%n = 4
    gemm%k = 5
    gemm%alpha = 6
    gemm%beta = 7
    gemm%a = place(8)
    gemm%rs_a = 9
    gemm%cs_a = 10
    gemm%b = place(11)
    gemm%rs_b = 12
    gemm%cs_b = 13
    gemm%c = place(14)
    gemm%rs_c = 15
    gemm%cs_c = 16
    gemm%batch = 17
    gemm%bs_a = 18
    gemm%bs_b = 19
    gemm%bs_c = 20
    gemm%a_list = place(21)
    gemm%b_list = place(22)
    gemm%c_list = place(23)
    gemm%packed_a = place(24)
    gemm%packed_b = place(25)
    gemm%bias_m = place(26)
    gemm%bias_n = place(27)
    gemm%activation = 28
    gemm%reserved = 29
    gemm%label = place(30)
    call demand(check_gemm(gemm), "gml_gemm_problem")

    softmax%batch = 1
    softmax%rows = 2
    softmax%cols = 3
    softmax%x = place(4)
    softmax%x_stride = 5
    softmax%x_col_stride = 6
    softmax%x_batch_stride = 7
    softmax%y = place(8)
    softmax%y_stride = 9
    softmax%y_col_stride = 10
    softmax%y_batch_stride = 11
    softmax%bias = place(12)
    softmax%bias_stride = 13
    softmax%bias_batch_stride = 14
    softmax%keep = place(15)
    softmax%keep_stride = 16
    softmax%keep_batch_stride = 17
    softmax%lse = place(18)
    softmax%lse_stride = 19
    softmax%lse_batch_stride = 20
    softmax%alibi = place(21)
    softmax%sinks = place(22)
    softmax%causal_offset = 23
    softmax%causal = 24
    softmax%scale = 25
    softmax%softcap = 26
    softmax%log = 27
    softmax%threads = 28
    softmax%reserved = 29
    call demand(check_softmax(softmax), "gml_softmax_problem")

    attention%batch = 1
    attention%heads = 2
    attention%kv_heads = 3
    attention%q_len = 4
    attention%kv_len = 5
    attention%head_dim = 6
    attention%v_head_dim = 7
    attention%q = place(8)
    attention%q_stride = [9, 10, 11]
    attention%k = place(12)
    attention%k_stride = [13, 14, 15]
    attention%k_dim_stride = 16
    attention%v = place(17)
    attention%v_stride = [18, 19, 20]
    attention%o = place(21)
    attention%o_stride = [22, 23, 24]
    attention%lse = place(25)
    attention%lse_stride = [26, 27, 28]
    attention%weights = place(29)
    attention%weights_stride = [30, 31, 32, 33]
    attention%bias = place(34)
    attention%bias_stride = [35, 36, 37, 38]
    attention%keep = place(39)
    attention%keep_stride = [40, 41, 42, 43]
    attention%kv_lengths = place(44)
    attention%prefix = place(45)
    attention%q_document = place(46)
    attention%q_document_stride = 47
    attention%kv_document = place(48)
    attention%kv_document_stride = 49
    attention%alibi = place(50)
    attention%sinks = place(51)
    attention%window_left = 52
    attention%window_right = 53
    attention%causal_offset = 54
    attention%causal = 55
    attention%scale = 56
    attention%softcap = 57
    attention%threads = 58
    call demand(check_attention(attention), "gml_attention_problem")

    merging%parts = 1
    merging%batch = 2
    merging%heads = 3
    merging%q_len = 4
    merging%v_head_dim = 5
    merging%o_parts = place(6)
    merging%o_parts_stride = [7, 8, 9, 10]
    merging%lse_parts = place(11)
    merging%lse_parts_stride = [12, 13, 14, 15]
    merging%o = place(16)
    merging%o_stride = [17, 18, 19]
    merging%lse = place(20)
    merging%lse_stride = [21, 22, 23]
    merging%threads = 24
    merging%reserved = 25
    call demand(check_merging(merging), "gml_attention_merge_problem")

    call demand(check_constants([ &
        GML_OK, GML_ERR_ARGUMENT, GML_ERR_OVERLAP, GML_ERR_DESCRIPTOR, GML_ERR_ISA, GML_ERR_MEMORY, GML_F32, GML_F64, &
        GML_ACTIVATION_NONE, GML_ACTIVATION_RELU, GML_ACTIVATION_GELU_ERF, GML_ACTIVATION_GELU_TANH, &
        GML_ACTIVATION_SILU, GML_CAUSAL_NONE, GML_CAUSAL_BOTTOM_RIGHT, GML_CAUSAL_TOP_LEFT, GML_CAUSAL_OFFSET], 17), &
        "constants")

    ! Strings and contexts.
    if (gml_last_error() /= "") error stop "a sentence before anything has failed"
    if (gml_status_name(GML_ERR_OVERLAP) /= "GML_ERR_OVERLAP") error stop "gml_status_name"
    if (index(gml_version(), ".") == 0) error stop "gml_version"
    if (index(gml_compiler(), ", ") == 0) error stop "gml_compiler"
    if (gml_isa_name(-1_c_int32_t) /= "") error stop "gml_isa_name outside"
    if (.not. gml_isa_available("ref")) error stop "gml_isa_available"
    if (gml_isa_available("sse9")) error stop "gml_isa_available of none"
    isa = "ref"//c_null_char
    options = gml_context_options(threads=1, isa=c_loc(isa))
    if (gml_context_create(context, options) /= GML_OK) error stop "gml_context_create"
    if (gml_context_isa(context) /= "ref" .or. gml_context_threads(context) /= 1) error stop "the context's options"
    call gml_context_destroy(context)
    if (gml_context_create(context) /= GML_OK) error stop "gml_context_create without options"
    call gml_context_destroy(context)
    options%threads = -1
    if (gml_context_create(context, options) /= GML_ERR_ARGUMENT) error stop "threads -1 were accepted"
    if (gml_last_error() /= "gml_context_create: threads is -1, must be in 0 to 1024") error stop "gml_last_error"
    if (gml_wisdom_import_file(c_null_ptr, "/nowhere/at/all") /= GML_ERR_ARGUMENT) error stop "gml_wisdom_import_file"
    if (index(gml_last_error(), "gml_wisdom_import_file: /nowhere/at/all cannot be read") /= 1) error stop "the path"
    if (gml_wisdom_export_file(c_null_ptr, "/nowhere/at/all") /= GML_ERR_ARGUMENT) error stop "gml_wisdom_export_file"
    if (gml_wisdom_refresh(c_null_ptr) /= GML_OK) error stop "gml_wisdom_refresh"
    if (gml_wisdom_forget(c_null_ptr) /= GML_OK) error stop "gml_wisdom_forget"
    do i = 0, 9
        if (gml_isa_name(int(i, c_int32_t)) == "ref") exit
    end do
    if (i == 10) error stop "ref is no instruction set"

contains

    function place(number)
        integer, intent(in) :: number
        type(c_ptr) :: place
        place = transfer(int(number, c_intptr_t), c_null_ptr)
    end function

    subroutine demand(line, what)
        integer(c_int), intent(in) :: line
        character(*), intent(in) :: what
        if (line == 0) return
        print '(a, ": line ", i0, " of fortran_layout.c does not hold")', what, line
        error stop 1
    end subroutine
end program
