! SPDX-License-Identifier: BSD-3-Clause
!
! The interface of Gemmule for Fortran 2018: the names, types and constants of the C headers, which are its manual.
!
!     use gemmule
!     status = gml_gemm_f64(c_null_ptr, m, n, k, 1.0d0, a, 1_c_int64_t, lda, b, 1_c_int64_t, ldb, 0.0d0, c, ...)
!     if (status /= GML_OK) print *, gml_last_error()
!
! Fortran stores matrices by columns: a row stride of 1, and the leading dimension as column stride. Descriptors come
! with the values of their INIT macros, so that what is not set keeps its default. What is a pointer in C and not read
! or written as an array in the argument list is a c_ptr: c_loc of an array with the target attribute, or c_null_ptr.
! Functions that return a string in C return one here, and context arguments may be c_null_ptr for the default context.
!
! Module files are those of one compiler and its version; any other compiles this file.
module gemmule
    use, intrinsic :: iso_c_binding
    implicit none
    private :: get_text, options_bytes, gemm_bytes, softmax_bytes, attention_bytes, merge_bytes, &
        bytes_are_right

    ! gml_status
    integer(c_int), parameter :: GML_OK = 0, GML_ERR_ARGUMENT = 1, GML_ERR_OVERLAP = 2, GML_ERR_DESCRIPTOR = 3
    integer(c_int), parameter :: GML_ERR_ISA = 4, GML_ERR_MEMORY = 5

    ! gml_type
    integer(c_int32_t), parameter :: GML_F32 = 1, GML_F64 = 2

    ! gml_activation
    integer(c_int32_t), parameter :: GML_ACTIVATION_NONE = 0, GML_ACTIVATION_RELU = 1, GML_ACTIVATION_GELU_ERF = 2
    integer(c_int32_t), parameter :: GML_ACTIVATION_GELU_TANH = 3, GML_ACTIVATION_SILU = 4

    ! gml_causal
    integer(c_int32_t), parameter :: GML_CAUSAL_NONE = 0, GML_CAUSAL_BOTTOM_RIGHT = 1, GML_CAUSAL_TOP_LEFT = 2
    integer(c_int32_t), parameter :: GML_CAUSAL_OFFSET = 3

    ! What C's sizeof gives for the types below, where pointers have 64 bits.
    integer(c_size_t), parameter :: options_bytes = 64, gemm_bytes = 232, softmax_bytes = 216, attention_bytes = 456
    integer(c_size_t), parameter :: merge_bytes = 200

    type, bind(c) :: gml_context_options
        integer(c_size_t) :: size = options_bytes
        integer(c_int32_t) :: threads = 0
        integer(c_int32_t) :: reserved = 0
        type(c_ptr) :: isa = c_null_ptr
        type(c_funptr) :: parallel_for = c_null_funptr
        type(c_ptr) :: parallel_host = c_null_ptr
        type(c_funptr) :: allocate = c_null_funptr
        type(c_funptr) :: release = c_null_funptr
        type(c_ptr) :: allocator_host = c_null_ptr
    end type

    type, bind(c) :: gml_gemm_problem
        integer(c_size_t) :: size = gemm_bytes
        integer(c_int32_t) :: type = 0
        integer(c_int32_t) :: threads = 0
        integer(c_int64_t) :: m = 0, n = 0, k = 0
        real(c_double) :: alpha = 1, beta = 0
        type(c_ptr) :: a = c_null_ptr
        integer(c_int64_t) :: rs_a = 0, cs_a = 0
        type(c_ptr) :: b = c_null_ptr
        integer(c_int64_t) :: rs_b = 0, cs_b = 0
        type(c_ptr) :: c = c_null_ptr
        integer(c_int64_t) :: rs_c = 0, cs_c = 0
        integer(c_int64_t) :: batch = 1
        integer(c_int64_t) :: bs_a = 0, bs_b = 0, bs_c = 0
        type(c_ptr) :: a_list = c_null_ptr, b_list = c_null_ptr, c_list = c_null_ptr
        type(c_ptr) :: packed_a = c_null_ptr, packed_b = c_null_ptr
        type(c_ptr) :: bias_m = c_null_ptr, bias_n = c_null_ptr
        integer(c_int32_t) :: activation = GML_ACTIVATION_NONE
        integer(c_int32_t) :: reserved = 0
        type(c_ptr) :: label = c_null_ptr
    end type

    type, bind(c) :: gml_softmax_problem
        integer(c_size_t) :: size = softmax_bytes
        integer(c_int64_t) :: batch = 1
        integer(c_int64_t) :: rows = 0, cols = 0
        type(c_ptr) :: x = c_null_ptr
        integer(c_int64_t) :: x_stride = 0, x_col_stride = 0, x_batch_stride = 0
        type(c_ptr) :: y = c_null_ptr
        integer(c_int64_t) :: y_stride = 0, y_col_stride = 0, y_batch_stride = 0
        type(c_ptr) :: bias = c_null_ptr
        integer(c_int64_t) :: bias_stride = 0, bias_batch_stride = 0
        type(c_ptr) :: keep = c_null_ptr
        integer(c_int64_t) :: keep_stride = 0, keep_batch_stride = 0
        type(c_ptr) :: lse = c_null_ptr
        integer(c_int64_t) :: lse_stride = 0, lse_batch_stride = 0
        type(c_ptr) :: alibi = c_null_ptr
        type(c_ptr) :: sinks = c_null_ptr
        integer(c_int64_t) :: causal_offset = 0
        integer(c_int32_t) :: causal = GML_CAUSAL_NONE
        real(c_float) :: scale = 0
        real(c_float) :: softcap = 0
        integer(c_int32_t) :: log = 0
        integer(c_int32_t) :: threads = 0
        integer(c_int32_t) :: reserved = 0
    end type

    type, bind(c) :: gml_attention_problem
        integer(c_size_t) :: size = attention_bytes
        integer(c_int64_t) :: batch = 0, heads = 0, kv_heads = 0, q_len = 0, kv_len = 0, head_dim = 0, v_head_dim = 0
        type(c_ptr) :: q = c_null_ptr
        integer(c_int64_t) :: q_stride(3) = 0
        type(c_ptr) :: k = c_null_ptr
        integer(c_int64_t) :: k_stride(3) = 0
        integer(c_int64_t) :: k_dim_stride = 0
        type(c_ptr) :: v = c_null_ptr
        integer(c_int64_t) :: v_stride(3) = 0
        type(c_ptr) :: o = c_null_ptr
        integer(c_int64_t) :: o_stride(3) = 0
        type(c_ptr) :: lse = c_null_ptr
        integer(c_int64_t) :: lse_stride(3) = 0
        type(c_ptr) :: weights = c_null_ptr
        integer(c_int64_t) :: weights_stride(4) = 0
        type(c_ptr) :: bias = c_null_ptr
        integer(c_int64_t) :: bias_stride(4) = 0
        type(c_ptr) :: keep = c_null_ptr
        integer(c_int64_t) :: keep_stride(4) = 0
        type(c_ptr) :: kv_lengths = c_null_ptr
        type(c_ptr) :: prefix = c_null_ptr
        type(c_ptr) :: q_document = c_null_ptr
        integer(c_int64_t) :: q_document_stride = 0
        type(c_ptr) :: kv_document = c_null_ptr
        integer(c_int64_t) :: kv_document_stride = 0
        type(c_ptr) :: alibi = c_null_ptr
        type(c_ptr) :: sinks = c_null_ptr
        integer(c_int64_t) :: window_left = 0, window_right = 0
        integer(c_int64_t) :: causal_offset = 0
        integer(c_int32_t) :: causal = GML_CAUSAL_NONE
        real(c_float) :: scale = 0
        real(c_float) :: softcap = 0
        integer(c_int32_t) :: threads = 0
    end type

    type, bind(c) :: gml_attention_merge_problem
        integer(c_size_t) :: size = merge_bytes
        integer(c_int64_t) :: parts = 0
        integer(c_int64_t) :: batch = 0, heads = 0, q_len = 0
        integer(c_int64_t) :: v_head_dim = 0
        type(c_ptr) :: o_parts = c_null_ptr
        integer(c_int64_t) :: o_parts_stride(4) = 0
        type(c_ptr) :: lse_parts = c_null_ptr
        integer(c_int64_t) :: lse_parts_stride(4) = 0
        type(c_ptr) :: o = c_null_ptr
        integer(c_int64_t) :: o_stride(3) = 0
        type(c_ptr) :: lse = c_null_ptr
        integer(c_int64_t) :: lse_stride(3) = 0
        integer(c_int32_t) :: threads = 0
        integer(c_int32_t) :: reserved = 0
    end type

    ! Does not compile, by a division by zero, where the sizes are others.
    integer, parameter :: bytes_are_right = 1 / merge(1, 0, &
        storage_size(gml_context_options()) == 8 * options_bytes .and. &
        storage_size(gml_gemm_problem()) == 8 * gemm_bytes .and. &
        storage_size(gml_softmax_problem()) == 8 * softmax_bytes .and. &
        storage_size(gml_attention_problem()) == 8 * attention_bytes .and. &
        storage_size(gml_attention_merge_problem()) == 8 * merge_bytes)

    ! context.h, info.h
    interface
        integer(c_int) function gml_context_create(context, options) bind(c)
            import :: c_int, c_ptr, gml_context_options
            type(c_ptr), intent(inout) :: context
            type(gml_context_options), intent(in), optional :: options
        end function

        subroutine gml_context_destroy(context) bind(c)
            import :: c_ptr
            type(c_ptr), value :: context
        end subroutine

        integer(c_int32_t) function gml_context_threads(context) bind(c)
            import :: c_int32_t, c_ptr
            type(c_ptr), value :: context
        end function

        integer(c_int64_t) function gml_context_scratch(context) bind(c)
            import :: c_int64_t, c_ptr
            type(c_ptr), value :: context
        end function

        integer(c_int32_t) function gml_arithmetic_revision() bind(c)
            import :: c_int32_t
        end function
    end interface

    ! gemm.h
    interface
        integer(c_int) function gml_gemm_f32(context, m, n, k, alpha, a, rs_a, cs_a, b, rs_b, cs_b, beta, c, rs_c, &
                                             cs_c) bind(c)
            import :: c_int, c_int64_t, c_float, c_ptr
            type(c_ptr), value :: context
            integer(c_int64_t), value :: m, n, k, rs_a, cs_a, rs_b, cs_b, rs_c, cs_c
            real(c_float), value :: alpha, beta
            real(c_float), intent(in) :: a(*), b(*)
            real(c_float), intent(inout) :: c(*)
        end function

        integer(c_int) function gml_gemm_f64(context, m, n, k, alpha, a, rs_a, cs_a, b, rs_b, cs_b, beta, c, rs_c, &
                                             cs_c) bind(c)
            import :: c_int, c_int64_t, c_double, c_ptr
            type(c_ptr), value :: context
            integer(c_int64_t), value :: m, n, k, rs_a, cs_a, rs_b, cs_b, rs_c, cs_c
            real(c_double), value :: alpha, beta
            real(c_double), intent(in) :: a(*), b(*)
            real(c_double), intent(inout) :: c(*)
        end function

        integer(c_int) function gml_gemm(context, problem) bind(c)
            import :: c_int, c_ptr, gml_gemm_problem
            type(c_ptr), value :: context
            type(gml_gemm_problem), intent(in) :: problem
        end function

        integer(c_int) function gml_gemm_pack_a(packed, context, problem) bind(c)
            import :: c_int, c_ptr, gml_gemm_problem
            type(c_ptr), intent(inout) :: packed
            type(c_ptr), value :: context
            type(gml_gemm_problem), intent(in) :: problem
        end function

        integer(c_int) function gml_gemm_pack_b(packed, context, problem) bind(c)
            import :: c_int, c_ptr, gml_gemm_problem
            type(c_ptr), intent(inout) :: packed
            type(c_ptr), value :: context
            type(gml_gemm_problem), intent(in) :: problem
        end function

        integer(c_size_t) function gml_packed_bytes(packed) bind(c)
            import :: c_size_t, c_ptr
            type(c_ptr), value :: packed
        end function

        subroutine gml_packed_destroy(packed) bind(c)
            import :: c_ptr
            type(c_ptr), value :: packed
        end subroutine

        integer(c_int) function gml_plan_create_gemm(plan, context, problem) bind(c)
            import :: c_int, c_ptr, gml_gemm_problem
            type(c_ptr), intent(inout) :: plan
            type(c_ptr), value :: context
            type(gml_gemm_problem), intent(in) :: problem
        end function

        integer(c_int) function gml_plan_run_gemm(plan, a, b, c) bind(c)
            import :: c_int, c_ptr
            type(c_ptr), value :: plan, a, b, c
        end function

        subroutine gml_plan_destroy(plan) bind(c)
            import :: c_ptr
            type(c_ptr), value :: plan
        end subroutine
    end interface

    ! softmax.h, attention.h
    interface
        integer(c_int) function gml_softmax_f32(context, problem) bind(c)
            import :: c_int, c_ptr, gml_softmax_problem
            type(c_ptr), value :: context
            type(gml_softmax_problem), intent(in) :: problem
        end function

        integer(c_int) function gml_attention_f32(context, problem) bind(c)
            import :: c_int, c_ptr, gml_attention_problem
            type(c_ptr), value :: context
            type(gml_attention_problem), intent(in) :: problem
        end function

        integer(c_int) function gml_attention_merge_f32(context, problem) bind(c)
            import :: c_int, c_ptr, gml_attention_merge_problem
            type(c_ptr), value :: context
            type(gml_attention_merge_problem), intent(in) :: problem
        end function
    end interface

    ! wisdom.h, without its reports and explanations
    interface
        integer(c_int) function gml_wisdom_forget(context) bind(c)
            import :: c_int, c_ptr
            type(c_ptr), value :: context
        end function
    end interface

contains

    ! The sentence of this thread's last failure; empty when nothing has failed yet.
    function gml_last_error() result(text)
        character(:), allocatable :: text
        character(kind=c_char) :: buffer(256)
        integer :: i, n
        interface
            integer(c_size_t) function c_last_error(buffer, size) bind(c, name="gml_last_error")
                import :: c_size_t, c_char
                integer(c_size_t), value :: size
                character(kind=c_char), intent(out) :: buffer(size)
            end function
        end interface
        n = int(min(c_last_error(buffer, size(buffer, kind=c_size_t)), size(buffer, kind=c_size_t) - 1))
        allocate (character(n) :: text)
        do i = 1, n
            text(i:i) = buffer(i)
        end do
    end function

    function gml_status_name(status) result(text)
        integer(c_int), intent(in) :: status
        character(:), allocatable :: text
        interface
            type(c_ptr) function c_status_name(status) bind(c, name="gml_status_name")
                import :: c_ptr, c_int
                integer(c_int), value :: status
            end function
        end interface
        call get_text(c_status_name(status), text)
    end function

    function gml_version() result(text)
        character(:), allocatable :: text
        interface
            type(c_ptr) function c_version() bind(c, name="gml_version")
                import :: c_ptr
            end function
        end interface
        call get_text(c_version(), text)
    end function

    function gml_compiler() result(text)
        character(:), allocatable :: text
        interface
            type(c_ptr) function c_compiler() bind(c, name="gml_compiler")
                import :: c_ptr
            end function
        end interface
        call get_text(c_compiler(), text)
    end function

    ! From index 0, best first; empty for an index outside.
    function gml_isa_name(index) result(text)
        integer(c_int32_t), intent(in) :: index
        character(:), allocatable :: text
        interface
            type(c_ptr) function c_isa_name(index) bind(c, name="gml_isa_name")
                import :: c_ptr, c_int32_t
                integer(c_int32_t), value :: index
            end function
        end interface
        call get_text(c_isa_name(index), text)
    end function

    function gml_isa_available(name) result(available)
        character(*), intent(in) :: name
        logical :: available
        interface
            integer(c_int32_t) function c_isa_available(name) bind(c, name="gml_isa_available")
                import :: c_int32_t, c_char
                character(kind=c_char), intent(in) :: name(*)
            end function
        end interface
        available = c_isa_available(trim(name)//c_null_char) /= 0
    end function

    function gml_context_isa(context) result(text)
        type(c_ptr), intent(in) :: context
        character(:), allocatable :: text
        interface
            type(c_ptr) function c_context_isa(context) bind(c, name="gml_context_isa")
                import :: c_ptr
                type(c_ptr), value :: context
            end function
        end interface
        call get_text(c_context_isa(context), text)
    end function

    function gml_wisdom_import_file(context, path) result(status)
        type(c_ptr), intent(in) :: context
        character(*), intent(in) :: path
        integer(c_int) :: status
        interface
            integer(c_int) function c_import_file(context, path, report) bind(c, name="gml_wisdom_import_file")
                import :: c_int, c_ptr, c_char
                type(c_ptr), value :: context, report
                character(kind=c_char), intent(in) :: path(*)
            end function
        end interface
        status = c_import_file(context, trim(path)//c_null_char, c_null_ptr)
    end function

    function gml_wisdom_export_file(context, path) result(status)
        type(c_ptr), intent(in) :: context
        character(*), intent(in) :: path
        integer(c_int) :: status
        interface
            integer(c_int) function c_export_file(context, path) bind(c, name="gml_wisdom_export_file")
                import :: c_int, c_ptr, c_char
                type(c_ptr), value :: context
                character(kind=c_char), intent(in) :: path(*)
            end function
        end interface
        status = c_export_file(context, trim(path)//c_null_char)
    end function

    function gml_wisdom_refresh(context) result(status)
        type(c_ptr), intent(in) :: context
        integer(c_int) :: status
        interface
            integer(c_int) function c_refresh(context, report) bind(c, name="gml_wisdom_refresh")
                import :: c_int, c_ptr
                type(c_ptr), value :: context, report
            end function
        end interface
        status = c_refresh(context, c_null_ptr)
    end function

    subroutine get_text(string, text)
        type(c_ptr), intent(in) :: string
        character(:), allocatable, intent(out) :: text
        character(kind=c_char), pointer :: characters(:)
        integer :: i, n
        interface
            integer(c_size_t) function length_of(string) bind(c, name="strlen")
                import :: c_size_t, c_ptr
                type(c_ptr), value :: string
            end function
        end interface
        n = 0
        if (c_associated(string)) n = int(length_of(string))
        allocate (character(n) :: text)
        if (n == 0) return
        call c_f_pointer(string, characters, [n])
        do i = 1, n
            text(i:i) = characters(i)
        end do
    end subroutine
end module
